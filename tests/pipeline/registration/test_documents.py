"""Figures and a card are read, or the error names the file and what it should be."""

from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.registration import documents


def test_figures_are_named_numbers(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_text('{"roc_auc": 0.75, "rows": 12}')
    assert documents.metrics(path) == {"roc_auc": 0.75, "rows": 12.0}
    for text in ("[1]", "{", '{"roc_auc": "high"}'):
        path.write_text(text)
        with pytest.raises(UsageError, match="metrics.json: not a JSON object of named numbers, such as"):
            documents.metrics(path)


def test_a_card_is_text_that_can_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="card.md cannot be read: No such file"):
        documents.text(tmp_path / "card.md")
    (tmp_path / "card.md").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(UsageError, match="card.md: not a text file"):
        documents.text(tmp_path / "card.md")
