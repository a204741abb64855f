"""pipeline/cli/serving/tokens.py: a token is made, listed and withdrawn."""

import json

from pipeline.serving.tokens import Tokens
from tests.home import Home
from tests.pipeline.cli.command import Command


def test_a_token_is_made_listed_and_withdrawn(home: Home, run: Command) -> None:
    job = home.job("SELECT 1", "shop")
    code, token, complained = run("tokens", "add", "till", "--job", job, "--days", 7)
    assert (code, complained) == (0, "Keep it: it is not shown again.")
    login = home.server.connections["predictions_api"]
    grant = Tokens.read(login).grant(token)
    assert grant is not None
    assert (grant.client, grant.jobs) == ("till", frozenset([job]))
    rows = json.loads(run("tokens", "list", "--json")[1])
    [row] = [row for row in rows if row["client"] == "till"]
    assert "token_sha256" not in row
    assert f"{row['token_id']} till {job} scoring_owner" in run("tokens", "list")[1]
    assert run("tokens", "revoke", "till") == (0, "revoked 1 of till", "")
    assert Tokens.read(login).grant(token) is None
    code, _, complained = run("tokens", "revoke", "till", "--id", row["token_id"])
    assert (code, f"has no token {row['token_id']} that counts" in complained) == (2, True)
    assert "no job 'nothing'" in run("tokens", "add", "till", "--job", "nothing")[2]
