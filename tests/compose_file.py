"""Compose files and Dockerfile as plain values: what a service runs, with which environment, and after what."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]

BASE, PRODUCTION = "docker-compose.yaml", "docker-compose.production.yaml"

# Lists that a later file replaces; to other lists it adds.
_REPLACED = {"command", "entrypoint", "test"}

_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?:(:-|:\?)([^}]*))?\})")


@dataclass(frozen=True)
class Service:
    """One service of the compose file.

    Attributes:
        name: its name, by which others reach it.
        image: the image it runs.
        command: entrypoint and command; empty where the image's own is meant.
        environment: what the file puts into its environment.
        health: the command that tells whether it is healthy; empty when it has none.
        depends_on: service -> the condition to wait for.
        said: everything the file says about it.
    """

    name: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    health: tuple[str, ...]
    depends_on: Mapping[str, str]
    said: Mapping[str, Any]

    @property
    def one_shot(self) -> bool:
        """Whether it does its work and ends."""
        return self.said.get("restart") == "no"

    @property
    def ours(self) -> bool:
        """Whether it runs the image that the Dockerfile makes."""
        return "build" in self.said


def services(
    secrets: Mapping[str, str], change: Callable[[str], str] = str, files: Sequence[str] = (BASE,)
) -> dict[str, Service]:
    """The services of compose files.

    Args:
        secrets: what .env holds.
        change: applied to every text in the files before the variables get their values.
        files: names of files of the checkout, each of which adds to those before it.
    """
    merged: Any = {}
    for file in files:
        merged = _merge(merged, yaml.safe_load((ROOT / file).read_text())["services"])
    filled = _fill(merged, lambda value: interpolate(change(value), secrets))
    return {name: _service(name, service) for name, service in filled.items()}


def interpolate(text: str, values: Mapping[str, str]) -> str:
    """Put values into `${NAME}`, `${NAME:-default}` and `${NAME:?message}`, as Compose does.

    Raises:
        KeyError: a value that must be there is not; the message is the file's.
    """

    def value(match: re.Match[str]) -> str:
        dollar, name, rule, word = match.groups()
        if dollar:
            return "$"
        if rule == ":-":
            return values.get(name) or word
        if not values.get(name):
            raise KeyError(f"{name}: {word}")
        return values[name]

    return _VARIABLE.sub(value, text)


def secrets_of(path: Path) -> dict[str, str]:
    """The values of a .env file."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def image_environment() -> dict[str, str]:
    """What the Dockerfile puts into the environment of every container."""
    return dict(pair.split("=", 1) for line in _instructions("ENV") for pair in line.split())


def image_files() -> dict[str, str]:
    """What the Dockerfile copies: path in the checkout -> path in the image."""
    return dict(line.split() for line in _instructions("COPY"))


def _merge(earlier: Any, later: Any, key: str = "") -> Any:
    if isinstance(earlier, dict) and isinstance(later, dict):
        return earlier | {name: _merge(earlier.get(name), value, name) for name, value in later.items()}
    if isinstance(earlier, list) and isinstance(later, list) and key not in _REPLACED:
        return [*earlier, *later]
    return later


def _instructions(word: str) -> list[str]:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.removeprefix(f"{word} ") for line in text.splitlines() if line.startswith(f"{word} ")]


def _service(name: str, said: Mapping[str, Any]) -> Service:
    test = list(said.get("healthcheck", {}).get("test", []))
    kind = test.pop(0) if test else ""
    return Service(
        name=name,
        image=said["image"],
        command=(*said.get("entrypoint", ()), *said.get("command", ())),
        environment=said.get("environment", {}),
        health=("sh", "-c", *test) if kind == "CMD-SHELL" else tuple(test),
        depends_on={other: rule["condition"] for other, rule in said.get("depends_on", {}).items()},
        said=said,
    )


def _fill(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _fill(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, change) for item in value]
    return change(value) if isinstance(value, str) else value
