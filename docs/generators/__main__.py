"""`make docs`: the reference from the code, then the site in .local/site, or every broken link."""

import sys
import time
from pathlib import Path

from docs.generators import reference, site

_LOCAL = site.ROOT / ".local"
_ZENSICAL = _LOCAL / "docs-venv" / "bin" / "zensical"


def main() -> None:
    """Build the site, and print where it is, how large it is and how long it took."""
    begun = time.monotonic()
    pages = site.copy(_LOCAL)
    reference.write(pages / "reference")
    try:
        built = site.build(_LOCAL, _ZENSICAL)
    except site.SiteError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    print(f"{built / 'index.html'}: {_size(built) / 1e6:.1f} MB, built in {time.monotonic() - begun:.1f} s")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
