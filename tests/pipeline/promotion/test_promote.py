"""pipeline/promotion/promote.py: a line moves on evidence, with its record, and goes back."""

from typer.testing import CliRunner

from pipeline.__main__ import app
from tests.pipeline.promotion.conftest import day
from tests.pipeline.shop import Shop


def test_try(published: Shop) -> None:
    done = CliRunner().invoke(app, ["promote", "shop", "2", "--by", "ada"])
    print(done.output, done.exception)
    path = published.home.path / "models" / "shop" / "promotions" / "champion-2.json"
    print(path.read_text())
    import time
    t = time.time()
    published.home.score(published.job, day(11))
    print(time.time() - t, published.home.last_run(published.job))
    done = CliRunner().invoke(app, ["promote", "shop", "--undo"])
    print(done.output, done.exception)
    assert 0
