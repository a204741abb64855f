"""A private .env with fresh random secrets for docker-compose.yaml.

Needs Python 3 and nothing else: `python3 -m local.dotenv` runs before anything is installed.
"""

import base64
import os
import secrets
from pathlib import Path

TEXT = """\
# Secrets of docker-compose.yaml, made by `{maker}`. Private: keep it out of git and out of images.
# In your own values use letters, digits, - and _ only: they become parts of URLs.

# Postgres: one login for one purpose. Change a password here, and the next `docker compose up` sets it,
# except the superuser's: Postgres keeps the one that its volume was made with.
POSTGRES_PASSWORD={password}
AIRFLOW_DB_PASSWORD={password}
WAREHOUSE_OWNER_PASSWORD={password}
WAREHOUSE_READER_PASSWORD={password}
SCORING_OWNER_PASSWORD={password}
SCORING_PIPELINE_PASSWORD={password}
APPROVER_PASSWORD={password}
JANITOR_PASSWORD={password}
WATCHER_PASSWORD={password}
ANALYST_PASSWORD={password}
PAGES_PASSWORD={password}
API_PASSWORD={password}

REDIS_PASSWORD={password}

# The web UI's user `admin`.
ADMIN_PASSWORD={login}

# Encrypts the connections and variables that are kept in Airflow: without it they cannot be read again.
FERNET_KEY={fernet}
# Signs the tokens of users and of tasks.
JWT_SECRET={jwt}
# Signs the requests for logs.
API_SECRET_KEY={password}

# The web UI's port on this machine's loopback.
# UI_PORT=8080
# The API's.
# API_PORT=8090
# Tasks that one worker runs at the same time.
# WORKER_CONCURRENCY=4
# Where runs keep their parts, if not in the volume `store`.
# SCORING_STORE=s3://bucket/scoring
# Where large files of models are, outside git: docs/how-to/large-models.md
# SCORING_ARTEFACTS=s3://bucket/models
"""


def write(path: Path, maker: str, more: str = "") -> None:
    """Write fresh secrets into a file that must not be there yet, and that only its owner can read.

    Args:
        path: the file.
        maker: the command that made it, for its first line.
        more: what follows the secrets.

    Raises:
        FileExistsError: it is there.
    """
    lines = [line.format(maker=maker, **_fresh()) for line in TEXT.splitlines(keepends=True)]
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines([*lines, more])


def _fresh() -> "dict[str, str]":
    return {
        "password": secrets.token_urlsafe(24),
        "login": secrets.token_urlsafe(12),
        "fernet": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "jwt": secrets.token_urlsafe(64),
    }
