"""pipeline/serving/tokens.py: a token is good for its jobs until it is over or withdrawn, and nothing of it is kept."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from pipeline.serving import tokens
from pipeline.serving.tokens import Grant, TokenError, Tokens
from tests.home import Home


def test_a_token_lets_its_client_ask_of_its_jobs_until_it_is_withdrawn(home: Home) -> None:
    owner, login = (home.server.connections[name] for name in ("predictions_owner", "predictions_api"))
    every, one = tokens.add(owner, "shop", [], None), tokens.add(owner, "shop", ["a"], 30)
    read = Tokens.read(login)
    assert read.grant(every) == Grant("shop", frozenset(), None)
    limited = read.grant(one)
    assert limited is not None
    assert (limited.allows("a"), limited.allows("b")) == (True, False)
    assert read.grant(one[:-1]) is read.grant("") is read.grant("\ud800") is None
    kept = str(home.sql("SELECT * FROM scoring.api_tokens"))
    assert every not in kept
    assert one.removeprefix(tokens.PREFIX) not in kept
    numbers = [row["token_id"] for row in tokens.every(owner) if row["client"] == "shop"]
    assert tokens.revoke(owner, "shop", numbers[0]) == [numbers[0]]
    assert Tokens.read(login).grant(every) is None
    assert tokens.revoke(owner, "shop", None) == [numbers[1]]
    with pytest.raises(TokenError, match="client 'shop' has no token that counts"):
        tokens.revoke(owner, "shop", None)
    with pytest.raises(TokenError, match="A client's name has up to 100 letters"):
        tokens.add(owner, "no client", [], None)


def test_a_token_that_is_over_is_none_though_nobody_reads_again() -> None:
    over = datetime(2024, 1, 1, tzinfo=UTC)
    assert Tokens({tokens.digest_of("t"): Grant("c", frozenset(), over)}).grant("t") is None
    assert Tokens({tokens.digest_of("t"): Grant("c", frozenset(), None)}).grant("t") is not None


@pytest.mark.parametrize(
    "role", ["predictions", "predictions_approver", "predictions_janitor", "analyst", "pages"]
)
def test_nobody_but_the_apis_login_reads_a_digest(home: Home, role: str) -> None:
    with pytest.raises(sa.exc.DatabaseError, match="permission denied"):
        home.sql("SELECT token_sha256 FROM scoring.api_tokens", role)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO scoring.api_tokens (client, token_sha256) VALUES ('me', repeat('a', 64))",
        "UPDATE scoring.api_tokens SET revoked_at = NULL",
        "DELETE FROM scoring.api_tokens",
        "SELECT score FROM scoring.prediction_rows",
        "SELECT scoring.publish(1)",
        "INSERT INTO scoring.parity_certificates (run_id) VALUES (1)",
    ],
)
def test_the_apis_login_changes_nothing(home: Home, statement: str) -> None:
    with pytest.raises(sa.exc.DatabaseError, match=r"permission denied|does not exist"):
        home.sql(statement, "predictions_api")
