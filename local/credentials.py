"""Secrets of a local Airflow: made once, kept in files that only this user reads."""

import base64
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

USER = "admin"


def secrets_of(folder: Path) -> dict[str, str]:
    """Settings that are secret, and the password file of the web UI; made when they are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    passwords = folder / "passwords.json"
    _keep(passwords, {USER: secrets.token_urlsafe(12)})
    kept = _keep(
        folder / "secrets.json",
        {
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
            "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        },
    )
    return {**kept, "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords)}


def password(folder: Path) -> str:
    """The generated password of the user `admin`."""
    return str(json.loads((folder / "passwords.json").read_text())[USER])


def _keep(path: Path, fresh: Mapping[str, str]) -> dict[str, str]:
    if not path.exists():
        # Whole or not at all: a crash between making the file and filling it must not leave it empty.
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(dict(fresh), file)
        draft.replace(path)
    return {str(name): str(value) for name, value in json.loads(path.read_text()).items()}
