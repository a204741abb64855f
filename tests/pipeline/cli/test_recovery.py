"""pipeline/cli/recovery.py: a rebuild says what it made again, and refuses what cannot be asked for."""

from tests.home import NIGHT
from tests.pipeline.cli.command import Command
from tests.pipeline.shop import Shop


def test_where_nothing_is_missing_it_says_so(shop: Shop, run: Command) -> None:
    shop.home.score(shop.job)
    assert run("rebuild", shop.job) == (0, f"{shop.job}: nothing is missing", "")
    assert run("rebuild", shop.job, NIGHT, NIGHT) == (0, f"{shop.job}: nothing is missing", "")
    (shop.home.path / "dags" / f"{shop.job}.toml").unlink()
    code, output, complained = run("rebuild")
    assert (code, output) == (0, "")
    assert (
        complained
        == f"{shop.job}: the store has runs of it, and dags/ has no job file that can be used. Left alone."
    )


def test_a_receipt_that_cannot_be_used_is_named_and_ends_with_1(shop: Shop, run: Command) -> None:
    shop.home.score(shop.job)
    [receipt] = (shop.home.path / "store" / ".scoring" / "moves" / shop.job).rglob("*.json")
    receipt.write_bytes(receipt.read_bytes().replace(b"published", b"abandoned"))
    code, output, complained = run("rebuild", shop.job)
    assert (code, output) == (1, f"{shop.job}: nothing is missing")
    assert "is not what was written: its second line is not the SHA-256 of its first" in complained


def test_days_that_make_no_range_are_refused(shop: Shop, run: Command) -> None:
    code, _, complained = run("rebuild", shop.job, "2024-03-02", "2024-03-01")
    assert (code, complained) == (2, "2024-03-01 is before 2024-03-02. Give the first score date first.")
    assert run("rebuild", "nothing")[0] == 2
