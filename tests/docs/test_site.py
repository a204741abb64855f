"""A site in which something leads nowhere is not built, and no page fetches anything from elsewhere."""

from pathlib import Path

import pytest
import yaml

from docs.generators import links, site
from tests.docs import pages

PAGE = '<html><body><h1 id="top">Top</h1>{}</body></html>'


def written(folder: Path, **bodies: str) -> Path:
    for name, body in bodies.items():
        (folder / f"{name}.html").write_text(PAGE.format(body))
    (folder / "picture.webp").write_bytes(b"")
    return folder


def test_a_site_of_which_every_link_leads_somewhere_is_whole(tmp_path: Path) -> None:
    there = '<a href="other.html#top">x</a><a href="#top">x</a><img src="picture.webp"><a href="https://example.com">x</a>'
    assert links.broken(written(tmp_path, index=there, other="")) == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<a href="gone.html">x</a>', "gone.html is not there"),
        ('<a href="other.html#gone">x</a>', "other.html#gone is no anchor of that page"),
        ('<a href="#gone">x</a>', "#gone is no anchor of that page"),
        ('<img src="gone.webp">', "gone.webp is not there"),
        ('<img src="https://example.com/x.png">', "<img> is fetched from https://example.com/x.png"),
        ('<script src="//cdn.example.com/x.js"></script>', "<script> is fetched from //cdn.example.com/x.js"),
        (
            '<link rel="stylesheet" href="https://example.com/x.css">',
            "<link> is fetched from https://example.com/x.css",
        ),
    ],
)
def test_what_leads_nowhere_or_would_be_fetched_is_named(tmp_path: Path, body: str, problem: str) -> None:
    assert links.broken(written(tmp_path, index=body, other="")) == [f"index.html: {problem}"]


def test_a_site_with_a_broken_link_is_not_built(tmp_path: Path) -> None:
    """As Zensical leaves it when it sees nothing wrong: it does not look for pictures."""
    zensical = tmp_path / "zensical"
    zensical.write_text("#!/bin/sh\nmkdir site\necho '<img src=\"gone.webp\">' > site/index.html\n")
    zensical.chmod(0o755)
    with pytest.raises(site.SiteError, match=r"^index\.html: gone\.webp is not there$"):
        site.build(tmp_path, zensical)
    zensical.write_text(
        "#!/bin/sh\necho 'page does not exist'\necho 'Traceback (most recent call last):'\nexit 1\n"
    )
    with pytest.raises(site.SiteError, match=r"^page does not exist$"):
        site.build(tmp_path, zensical)


def test_the_navigation_names_every_page_once() -> None:
    def flat(entry: object) -> list[str]:
        values = entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else None
        return [str(entry)] if values is None else [page for value in values for page in flat(value)]

    named = flat(yaml.safe_load((pages.ROOT / "mkdocs.yml").read_text())["nav"])
    written = [str(path.relative_to(pages.ROOT / "docs")) for path in pages.pages()[1:]]
    assert sorted(page for page in named if not page.startswith("reference/")) == written
