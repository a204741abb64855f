"""pipeline/cli/models/versions.py: what was typed wrongly is said, and a card is printed or written."""

import pytest

from tests.home import Home
from tests.pipeline.cli.command import Command
from tests.pipeline.shop import Shop


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "which version? Name it: scoring promote NAME VERSION. Or go back: --undo"),
        ((1, "--undo"), "Leave VERSION and the evidence's options out"),
        ((1, "--from", "2024-03-01"), "--from and --to belong together"),
        ((1, "--from", "2024-03-01", "--to", "2025-03-01"), "the evidence has 92 dates at most"),
    ],
)
def test_what_was_typed_wrongly_is_said(
    home: Home, run: Command, arguments: tuple[object, ...], complaint: str
) -> None:
    code, _, complained = run("promote", "shop", *arguments)
    assert (code, complaint in complained) == (2, True)


def test_a_card_is_printed_or_written(shop: Shop, run: Command) -> None:
    code, printed, _ = run("card", "shop", 1)
    assert code == 0
    assert "## Published so far" in printed
    path = shop.home.path / "card.md"
    assert run("card", "shop", 1, "--out", path)[:2] == (0, f"wrote {path}")
    assert " ".join(path.read_text().split()) == printed
    assert "cannot be written" in run("card", "shop", 1, "--out", path / "below")[2]
    assert "has no version 7" in run("card", "shop", 7)[2]
