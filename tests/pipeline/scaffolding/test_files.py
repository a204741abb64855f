"""pipeline/scaffolding/files.py: files are written all together, and never over others."""

from pathlib import Path

import pytest

from pipeline.scaffolding import files
from pipeline.scaffolding.files import ScaffoldError


def test_files_are_written_with_their_folders(tmp_path: Path) -> None:
    files.write(tmp_path, {"a.txt": "größe", "b/c/d.txt": ""})
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "größe"
    assert (tmp_path / "b" / "c" / "d.txt").exists()


def test_where_one_is_there_none_is_written(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("mine")
    with pytest.raises(ScaffoldError, match="b.txt in .*: there already. Nothing was written."):
        files.write(tmp_path, {"a.txt": "", "b.txt": ""})
    assert [path.name for path in tmp_path.iterdir()] == ["b.txt"]
    assert (tmp_path / "b.txt").read_text() == "mine"


def test_a_word_of_a_template_that_has_no_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        files.rendered("repository/README.md")
