"""An empty data folder of a Postgres server, made by `initdb`."""

import pwd
import shutil
import subprocess
from pathlib import Path

from pipeline.embedded import surroundings
from pipeline.embedded.locks import EmbeddedError
from pipeline.embedded.surroundings import Account

# Nothing of the caller's environment reaches the server: it holds secrets, a language, a time zone, PG* settings.
ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC"}
# The same order and the same letters on every machine.
_LOCALE = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")


def make(data: Path, initdb: Path, user: Account) -> None:
    """Make an empty cluster aside and then put it in its place: a crash leaves no half of one.

    Args:
        data: the data folder.
        initdb: the program that makes a cluster.
        user: whom the server runs as.

    Raises:
        EmbeddedError: it could not be made; the message holds what the program printed.
    """
    draft = data.with_name(f"{data.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    # `initdb` asks for the name of its user. `nobody` has one, and cannot reach the folder before or after.
    maker = user if not user.switch else Account(pwd.getpwnam("nobody").pw_uid)
    surroundings.give(draft, maker)
    made = subprocess.run(
        [
            str(initdb),
            "-D",
            surroundings.path_for(draft, maker),
            "--username=postgres",
            "--auth=peer",
            *_LOCALE,
        ],
        cwd=draft,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        errors="replace",
        umask=0o077,
        **maker.switch,
    )
    if made.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise EmbeddedError(
            f"The embedded Postgres in {data} could not be made.\n{made.stderr or made.stdout}".rstrip()
        )
    surroundings.give(draft, user)
    if data.exists():
        data.rmdir()
    draft.rename(data)
