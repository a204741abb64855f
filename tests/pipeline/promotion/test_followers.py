"""pipeline/promotion/followers.py: every job that follows the alias has its say, and none that does not."""

import pytest

from pipeline.errors import UsageError
from pipeline.promotion import followers
from tests.home import Home


def test_the_jobs_that_follow_an_alias_are_found(home: Home) -> None:
    dags = home.path / "dags"
    mine, other = home.job("SELECT 1", "shop"), home.job("SELECT 1", "other")
    assert [job.name for job in followers.find(dags, "shop", "champion")] == [mine]
    assert followers.find(dags, "shop", "trial") == []
    assert [job.name for job in followers.find(dags, "shop", "champion", [mine, mine])] == [mine]
    with pytest.raises(UsageError, match=f"{other} follows champion of other, and not champion of shop"):
        followers.find(dags, "shop", "champion", [mine, other])
    # A file that cannot be read may be of a follower.
    (dags / "broken.toml").write_text("[")
    with pytest.raises(
        UsageError, match=r"broken.toml.*\nIt may follow champion. Correct it, or name the jobs"
    ):
        followers.find(dags, "shop", "champion")
    assert [job.name for job in followers.find(dags, "shop", "champion", [mine])] == [mine]


def test_a_database_that_cannot_be_asked_names_nobody(home: Home) -> None:
    job = home.read(home.job("SELECT 1", "shop"))

    def unknown(_: object) -> None:
        raise UsageError("no connection 'predictions'")

    assert followers.login_of([job], lambda _: home.workspace) == "scoring_pipeline"
    assert followers.login_of([job], unknown) == ""  # type: ignore[arg-type]
    assert followers.login_of([], lambda _: home.workspace) == ""
