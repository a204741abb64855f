"""The password file of SimpleAuthManager. Users of FabAuthManager: tests/test_compose.py, against a real server."""

import json
import stat
from pathlib import Path

from deploy.admin import write


def test_the_password_is_private_and_the_only_one(tmp_path: Path) -> None:
    path = tmp_path / "passwords.json"
    path.write_text('{"admin": "old", "ann": "hers"}')
    path.chmod(0o644)
    write(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {"admin": "new"}
    assert list(tmp_path.iterdir()) == [path]
