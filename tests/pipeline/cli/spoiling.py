"""Ways to break a shop, each of which a command names."""

from tests.pipeline.shop import Shop


def spoil_query(shop: Shop) -> None:
    shop.query("SELEC 1")


def spoil_connection(shop: Shop) -> None:
    shop.configure("rows_per_part", 'connection = "nowhere"\nrows_per_part')


def spoil_model(shop: Shop) -> None:
    (shop.home.path / "models" / "shop" / "1" / "model.joblib").write_bytes(b"")


def spoil_job(shop: Shop) -> None:
    shop.configure("owner =", "ownr =")


def spoil_nothing(shop: Shop) -> None:
    pass
