"""The site: a copy of docs/ with the generated reference, built by Zensical, and then looked over link by link."""

import re
import shutil
import subprocess
from pathlib import Path

from docs.generators import links

ROOT = Path(__file__).resolve().parents[2]

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")

# Of docs/, what is no page and no picture of the site.
_NO_PAGES = shutil.ignore_patterns("generators", "*.py", "__pycache__", "requirements.*")


class SiteError(RuntimeError):
    """A site that cannot be built, or in which something leads nowhere."""


def copy(folder: Path) -> Path:
    """Lay out a folder from which the site is built, without the generated pages; returns the folder of its pages."""
    pages = folder / "docs"
    shutil.rmtree(pages, ignore_errors=True)
    shutil.copytree(ROOT / "docs", pages, ignore=_NO_PAGES)
    shutil.copy(ROOT / "mkdocs.yml", folder / "mkdocs.yml")
    return pages


def build(folder: Path, zensical: Path) -> Path:
    """Build the site of a folder that has mkdocs.yml and docs/; returns the folder of the site.

    Raises:
        SiteError: a page, an anchor or a picture is missing, or a page would fetch something from elsewhere.
    """
    site = folder / "site"
    shutil.rmtree(site, ignore_errors=True)
    command = [str(zensical), "build", "--strict", "--clean", "--config-file", str(folder / "mkdocs.yml")]
    ended = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if ended.returncode != 0:
        # What follows is how Zensical itself ended, which says nothing of the page.
        raise SiteError(_COLOURS.sub("", ended.stdout.partition("Traceback")[0]).rstrip())
    if problems := links.broken(site):
        raise SiteError("\n".join(problems))
    return site
