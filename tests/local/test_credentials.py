"""Secrets are made once, are private, and differ from folder to folder."""

import json
import stat
from pathlib import Path

from local.credentials import password, secrets_of


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "airflow"
    first, second = secrets_of(folder), secrets_of(folder)
    assert first == second
    assert len(first["AIRFLOW__API_AUTH__JWT_SECRET"]) >= 64
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    login = Path(first["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    assert json.loads(login.read_text()) == {"admin": password(folder)}


def test_two_folders_share_no_secret(tmp_path: Path) -> None:
    one, two = secrets_of(tmp_path / "one"), secrets_of(tmp_path / "two")
    assert not set(one.values()) & set(two.values())


def test_what_a_crash_left_half_made_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "secrets.new").write_text("{")
    assert secrets_of(tmp_path)["AIRFLOW__API__SECRET_KEY"]
    assert not (tmp_path / "secrets.new").exists()
