"""Give the web UI's user `admin` the password of ADMIN_PASSWORD, in whichever way users log in.

python -m deploy.admin
"""

import json
import os
from pathlib import Path

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.configuration import conf

USER = "admin"


def main() -> None:
    """Set the password: in SimpleAuthManager's file, or in the metadata, where FabAuthManager keeps its users."""
    password = os.environ["ADMIN_PASSWORD"]
    if issubclass(conf.getimport("core", "auth_manager"), SimpleAuthManager):
        write(Path(conf.get("core", "simple_auth_manager_passwords_file")), password)
    else:
        enrol(password)


def write(path: Path, password: str) -> None:
    """Write the file that SimpleAuthManager reads, for its owner only. It is the old one or the new one, never half."""
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({USER: password}, file)
    draft.replace(path)


def enrol(password: str) -> None:
    """Make the administrator, or give the one who is there this password. Who was deactivated stays so.

    What `airflow users create` does, which takes a password as an argument, where every process list shows it.
    """
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    with get_application_builder() as builder:
        users = builder.sm
        known = users.find_user(USER)
        if known:
            users.reset_password(known.id, password)
        elif not users.add_user(
            USER, "Scoring", "Admin", f"{USER}@localhost", users.find_role("Admin"), password
        ):
            raise SystemExit(f"FabAuthManager did not make the user {USER}: its log says why.")


if __name__ == "__main__":
    main()
