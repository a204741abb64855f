"""Runs whose scores were explained, and what the database has of them."""

from pipeline.reasons import tries
from tests.home import Home
from tests.pipeline.shop import Shop, open_shop

EXPLANATION = "SELECT * FROM scoring.explanations WHERE run_id = :run"


def explained_entities(home: Home, run: int) -> int:
    """How many entities of a run have reasons."""
    return len(home.sql("SELECT DISTINCT entity_id FROM scoring.reasons WHERE run_id = :run", run=run))


def explained(home: Home, extra: str = "top = 3\norders = 8") -> tuple[Shop, int]:
    """A shop whose published run was explained."""
    shop = open_shop(home)
    path = home.path / "dags" / f"{shop.job}.toml"
    path.write_text(f"{path.read_text()}\n[reasons]\n{extra}\n")
    run = home.score(shop.job).run_id
    assert tries.whole(home.workspace, home.read(shop.job), run) == ""
    return shop, run
