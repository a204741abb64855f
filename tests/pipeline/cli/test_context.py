"""pipeline/cli/context.py: a real database is never asked as the embedded one's login."""

import pytest

from tests.pipeline.cli.command import Command
from tests.pipeline.shop import Shop


def test_the_embedded_janitor_never_prunes_for_a_real_database(
    shop: Shop, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_PREDICTIONS_JANITOR")
    for command in (["prune"], ["erase", "somebody", "--job", shop.job, "--reason", "asked"]):
        code, _, complained = run(*command)
        assert code == 2
        assert (
            "Set AIRFLOW_CONN_PREDICTIONS_JANITOR, as a login that is a member of scoring_janitor"
            in complained
        )
