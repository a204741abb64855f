"""versions.toml of a model: every version's pin, and the aliases, changed line by line."""

import os
import re
from pathlib import Path

from pipeline.model.manifest import Manifest
from pipeline.text_files import decoded

_HEADER = """\
# Every registered version with the SHA-256 of its model.joblib, and the aliases that jobs name.
# To promote or roll back a model, change its line below [aliases] and have it reviewed.

[versions]

[aliases]
"""


def add_version(path: Path, manifest: Manifest, alias: str | None, aliases: dict[str, int]) -> None:
    """Pin a new version, and point an alias at it.

    Args:
        path: the file, which is written where there is none.
        manifest: of the new version.
        alias: the alias, if any.
        aliases: those that the file has so far.
    """
    text = decoded(path.read_bytes()) if path.exists() else _HEADER
    text = _set_line(text, "versions", str(manifest.version), f'"{manifest.sha256}"')
    if alias is not None:
        if alias in aliases:
            # What a job's fallback serves, and what a person goes back to.
            text = _set_line(text, "aliases", f"{alias}_previous", str(aliases[alias]))
        text = _set_line(text, "aliases", alias, str(manifest.version))
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def _set_line(text: str, section: str, key: str, value: str) -> str:
    """Set one key of one section and leave every other line, comments included, as it is."""
    header = re.search(rf"^\[{section}\].*\n?", text, re.MULTILINE)
    if header is None:
        return f"{text.rstrip()}\n\n[{section}]\n{key} = {value}\n"
    before, after = text[: header.end()], text[header.end() :]
    following = re.search(r"^\[", after, re.MULTILINE)
    body, rest = (after[: following.start()], after[following.start() :]) if following else (after, "")
    pattern = rf"^{re.escape(key)}[ \t]*=[^#\n]*?([ \t]*#.*)?$"
    body, replaced = re.subn(pattern, rf"{key} = {value}\1", body, flags=re.MULTILINE)
    if not replaced:
        body = f"{body.rstrip()}\n{key} = {value}\n".lstrip("\n") + "\n" * bool(rest)
    return f"{before}{body}{rest}"
