"""Write a private .env with fresh random secrets for docker-compose.yaml.

    python3 -m local.dotenv

Needs Python 3 and nothing else: it runs before anything is installed.
"""

import argparse
import sys
from pathlib import Path

from pipeline.scaffolding import dotenv

PLACE = Path(__file__).resolve().parents[1] / ".env"


def main() -> int:
    """Write the file, or say why not; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python3 -m local.dotenv", description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=PLACE, help="default: .env of this checkout")
    path = parser.parse_args().file
    try:
        write(path)
    except FileExistsError:
        print(f"{path} is there already and stays as it is. Move it away to make a new one.", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{path} cannot be written: {error.strerror}.", file=sys.stderr)
        return 1
    print(f"wrote {path}: readable by you only. The web UI's login is admin, ADMIN_PASSWORD in that file.")
    return 0


def write(path: Path) -> None:
    """Write fresh secrets into a file that must not be there yet, and that only its owner can read.

    Raises:
        FileExistsError: it is there.
    """
    dotenv.write(path, "python3 -m local.dotenv")


if __name__ == "__main__":
    sys.exit(main())
