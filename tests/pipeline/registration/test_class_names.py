"""pipeline/registration/class_names.py: names of classes come from the registered models, where no run entered them."""

from pipeline.registration import class_names
from tests.home import Home
from tests.pipeline.shop import open_shop
from tests.sql.test_classes import VIEW
from tests.sql.test_walls import thirds


def test_names_that_are_missing_are_entered_from_the_registered_models(home: Home) -> None:
    home.model("shop", *thirds(seed=4))
    shop = open_shop(home)
    home.score(shop.job)
    sha256 = home.last_run(shop.job)["model_sha256"]
    home.sql("DELETE FROM scoring.model_classes WHERE model_sha256 = :sha256", sha256=sha256)
    assert {row["class"] for row in home.sql(VIEW, "analyst", job=shop.job)} == {None}
    (home.path / "models" / "broken").mkdir()
    (home.path / "models" / "broken" / "versions.toml").write_text("?")
    class_names.enter(home.server.connections["predictions_owner"], home.path)
    rows = home.sql(VIEW, "analyst", job=shop.job)
    assert {row["class"] for row in rows} == {"high", "low", "middle"}
