"""A model's card as a part of a page."""

from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup

# Longer cards are cut: the page stays small enough for a mail.
MOST = 60_000
# Headings of a card stand below those of the page.
_BELOW = 2


def card(home: Path, name: str, version: int) -> Markup | None:
    """A model version's card as HTML, or None where there is none."""
    models = home.resolve() / "models"
    path = (models / name / str(version) / "MODEL_CARD.md").resolve()
    if not path.is_relative_to(models) or not path.is_file():
        return None
    text = path.read_text(encoding="utf-8", errors="replace")
    return html(text)


def html(text: str) -> Markup:
    """Markdown as a part of a page."""
    cut = "" if len(text) <= MOST else f"\n\n*Cut here: the whole card has {len(text):,} characters.*"
    # No HTML of its own and no pictures, which would be fetched; both are shown as text.
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = markdown.parse(text[:MOST] + cut)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + _BELOW, 6)}"
    rendered = markdown.renderer.render(tokens, markdown.options, {})
    return Markup(rendered)  # noqa: S704 - the renderer has escaped all text
