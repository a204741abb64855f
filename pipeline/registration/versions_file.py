"""versions.toml of a model: every version's pin, and the aliases, changed line by line."""

import codecs
import contextlib
import difflib
import fcntl
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from pipeline.model import registry
from pipeline.model.artifact import ModelError
from pipeline.model.manifest import Manifest
from pipeline.text_files import decoded

_HEADER = """\
# Every registered version with the SHA-256 of its model.joblib, and the aliases that jobs name.
# To promote or roll back a model: scoring promote NAME VERSION. It changes a line below [aliases]; have it reviewed.

[versions]

[aliases]
"""


def with_version(path: Path, manifest: Manifest, alias: str | None, aliases: dict[str, int]) -> bytes:
    """What the file is to say: a new version pinned, and an alias pointed at it. Nothing is written.

    Args:
        path: the file, if there is one.
        manifest: of the new version.
        alias: the alias, if any.
        aliases: those that the file has so far.

    Raises:
        ModelError: the file is laid out in another way, so that no line can be added.
    """
    text = decoded(path.read_bytes()) if path.exists() else _HEADER
    text = _set_line(path, text, "versions", str(manifest.version), f'"{manifest.sha256}"')
    if alias is not None:
        if alias in aliases:
            # What a job's fallback serves, and what a person goes back to.
            text = _set_line(path, text, "aliases", f"{alias}_previous", str(aliases[alias]))
        text = _set_line(path, text, "aliases", alias, str(manifest.version))
    return text.encode()


@contextlib.contextmanager
def only_writer(store: Path) -> Iterator[None]:
    """Change one model's versions one at a time: each registration takes a number, and all write versions.toml."""
    folder = os.open(store, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def point(
    home: Path, name: str, alias: str, former: int, version: int, proof: tuple[Path, bytes] | None = None
) -> str:
    """Point an alias at another version, and change no other line; returns the change as a diff.

    Args:
        home: the folder that holds models/.
        name: the model's name.
        alias: an alias that there is.
        former: the version that it is known to name.
        version: the version that it is to name.
        proof: a file that stands beside the line, written before it; not where the line is left as it is.

    Raises:
        ModelError: somebody has pointed it elsewhere meanwhile, or the file is laid out in another way.
    """
    path = home / "models" / name / "versions.toml"
    with only_writer(path.parent):
        now = registry.versions(home, name)[1].get(alias)
        if now != former:
            raise ModelError(
                f"{path}: {alias} names {now}, and {former} when this began. Look at it, and promote again."
            )
        content = path.read_bytes()
        before = decoded(content)
        after = _set_line(path, before, "aliases", alias, str(version))
        if proof is not None:
            proof[0].parent.mkdir(exist_ok=True)
            replace(*proof)
        mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
        replace(path, mark + after.encode())
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), str(path.relative_to(home)), "", lineterm="", n=0
    )
    return "\n".join(line for line in lines if line[:1] in "+-" and line[:3] not in ("---", "+++"))


def replace(path: Path, content: bytes, aside: Path | None = None) -> None:
    """Write a file whole or not at all.

    Args:
        path: the file.
        content: its bytes.
        aside: the folder in which it is begun; else its own, which holds what is left of one that was killed.
    """
    temporary = (aside or path.parent) / f"{path.stem}.tmp"
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _set_line(path: Path, text: str, section: str, key: str, value: str) -> str:
    """Set one key of one section and leave every other line, comments included, as it is.

    Raises:
        ModelError: the file is laid out in another way, so that the key cannot be set like this.
    """
    header = re.search(rf"^[ \t]*\[[ \t]*{section}[ \t]*\].*\n?", text, re.MULTILINE)
    if header is None:
        after = f"{text.rstrip()}\n\n[{section}]\n{key} = {value}\n"
    else:
        after = text[: header.end()] + _in_section(text[header.end() :], key, value)
    _require_one_change(path, text, after, (section, key, value))
    return after


def _in_section(text: str, key: str, value: str) -> str:
    following = re.search(r"^[ \t]*\[", text, re.MULTILINE)
    body, rest = (text[: following.start()], text[following.start() :]) if following else (text, "")
    name = re.escape(key)
    pattern = rf"^([ \t]*)(?:{name}|\"{name}\"|'{name}')[ \t]*=[^#\n]*?([ \t]*#.*)?$"
    body, replaced = re.subn(pattern, rf"\g<1>{key} = {value}\g<2>", body, flags=re.MULTILINE)
    if not replaced:
        body = f"{body.rstrip()}\n{key} = {value}\n".lstrip("\n") + "\n" * bool(rest)
    return f"{body}{rest}"


def _require_one_change(path: Path, before: str, after: str, line: tuple[str, str, str]) -> None:
    """Refuse a text that says anything else than the one before and the new line: every job reads it."""
    section, key, value = line
    expected = tomllib.loads(before)
    expected.setdefault(section, {})[key] = tomllib.loads(f"value = {value}")["value"]
    with contextlib.suppress(tomllib.TOMLDecodeError):
        if tomllib.loads(after) == expected:
            return
    raise ModelError(
        f"{path}: {key} cannot be changed as the file is laid out, and nothing was. Write a section [{section}] with "
        f"a line for each key, such as {key} = {value}, and no other form."
    )
