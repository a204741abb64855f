""".github/CODEOWNERS: what decides over scores has an owner, who has to look before it is merged."""

from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def owners(path: str) -> str:
    """Whoever owns a file: the last line that matches, as GitHub reads it."""
    owner = ""
    for line in (ROOT / ".github" / "CODEOWNERS").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern, *teams = line.split()
            pattern = pattern.removeprefix("/")
            if fnmatch(path, f"{pattern}*" if pattern.endswith("/") else pattern):
                owner = " ".join(teams)
    return owner


@pytest.mark.parametrize(
    "pattern", ["models/*/versions.toml", "sql/**/*.sql", "sql/**/*.py", "dags/*.toml", ".ci/*"]
)
def test_what_decides_over_scores_has_an_owner(pattern: str) -> None:
    files = [path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern)]
    assert files
    assert not [file for file in files if not owners(file)]
