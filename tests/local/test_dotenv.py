"""local/dotenv.py: secrets are fresh, private, and never written over."""

import re
import stat
import sys
from pathlib import Path

import pytest

from local import dotenv

COMPOSE = Path(__file__).resolve().parents[2] / "docker-compose.yaml"


def settings(path: Path) -> dict[str, str]:
    """What a file sets."""
    return dict(re.findall(r"^([A-Z_]+)=(.+)$", path.read_text(), re.MULTILINE))


def test_every_secret_is_another_and_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    dotenv.write(tmp_path / "one")
    dotenv.write(tmp_path / "two")
    one, two = settings(tmp_path / "one"), settings(tmp_path / "two")
    assert len({*one.values(), *two.values()}) == len(one) + len(two)
    assert min(map(len, one.values())) >= 16
    assert stat.S_IMODE((tmp_path / "one").stat().st_mode) == 0o600


def test_all_that_docker_compose_requires_is_set(tmp_path: Path) -> None:
    dotenv.write(tmp_path / "one")
    required = set(re.findall(r"\$\{([A-Z_]+):\?", COMPOSE.read_text()))
    assert required
    assert required <= settings(tmp_path / "one").keys()


def test_a_file_that_is_there_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / ".env"
    monkeypatch.setattr(sys, "argv", ["dotenv", str(path)])
    assert dotenv.main() == 0
    before = path.read_text()
    assert dotenv.main() == 1
    assert path.read_text() == before
    assert "is there already and stays as it is. Move it away" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["dotenv", str(tmp_path / "nowhere" / ".env")])
    assert dotenv.main() == 1
