"""Files that are laid out for a team: templates beside this module, with names filled in, and never over others."""

from collections.abc import Mapping
from pathlib import Path
from string import Template

from pipeline.errors import UsageError

_TEMPLATES = Path(__file__).parent / "templates"


class ScaffoldError(UsageError):
    """What was asked for cannot be laid out there; nothing was written."""


def rendered(name: str, /, **names: str) -> str:
    """The text of a template.

    Args:
        name: its path below templates/, without `.template`.
        **names: what stands for its `$words`.
    """
    text = (_TEMPLATES / f"{name}.template").read_text(encoding="utf-8")
    return Template(text).substitute(names)


def write(home: Path, texts: Mapping[str, str]) -> None:
    """Write files below a folder, whose own folders are made.

    Args:
        home: the folder.
        texts: path below it -> text.

    Raises:
        ScaffoldError: one of them is there already, or a file lies where one of their folders belongs.
    """
    folders = {folder for name in texts for folder in (home / name).parents}
    if blocking := sorted(str(folder) for folder in folders if folder.exists() and not folder.is_dir()):
        raise ScaffoldError(
            f"{blocking[0]} is a file, and a folder belongs there. Nothing was written. Move it away, or choose "
            "another name."
        )
    if there := [name for name in texts if (home / name).exists()]:
        raise ScaffoldError(
            f"{', '.join(there)} in {home}: there already. Nothing was written. Choose another name, or move them away."
        )
    for name, text in texts.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
