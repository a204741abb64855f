"""What a built site refers to: pages, anchors and pictures have to be there, and nothing is fetched from elsewhere."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Where a page may lead to on a click; anything else that names another host would be fetched by itself.
_CLICKED = ("a",)
_REFERS = ("href", "src", "poster", "data")


@dataclass
class Page(HTMLParser):
    """A page: its anchors, and what it refers to.

    Attributes:
        text: the page's HTML.
        anchors: every id and name.
        references: tag and address.
    """

    text: str
    anchors: set[str] = field(default_factory=set)
    references: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag is called by, and what it refers to."""
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            if name in _REFERS and value:
                self.references.append((tag, value))


def broken(site: Path) -> list[str]:
    """A line for everything in a built site that leads nowhere, or that a browser would fetch from another host."""
    pages = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    return [
        f"{path.relative_to(site.resolve())}: {problem}"
        for path, page in pages.items()
        if path.name != "404.html"  # served at any depth, so that its addresses begin with /
        for problem in _problems(path, page, pages)
    ]


def _problems(path: Path, page: Page, pages: dict[Path, Page]) -> Iterator[str]:
    for tag, address in page.references:
        url = urlsplit(address)
        if url.scheme in ("http", "https") or url.netloc:
            if tag not in _CLICKED:
                yield f"<{tag}> is fetched from {address}"
            continue
        if url.scheme:  # mailto:, data:
            continue
        target = (path.parent / unquote(url.path)).resolve() if url.path else path
        if not target.is_file():
            yield f"{address} is not there"
        elif url.fragment and target in pages and not _has(pages[target], unquote(url.fragment)):
            yield f"{address} is no anchor of that page"


def _has(page: Page, anchor: str) -> bool:
    return anchor in page.anchors or anchor == "__skip"
