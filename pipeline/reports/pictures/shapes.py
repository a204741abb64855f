"""The frame of every picture, and the shapes and words in it.

Drawn by hand, since a page of fifteen such pictures takes 40 kB: matplotlib's take 151 kB, and other libraries bring a
megabyte of script. Colours are classes of the page's style, so that they follow light, dark and print. Shapes are
stretched to the room that a picture has; its words and dots are not, so that they can be read on a phone, too. What a
pointer is on says its value in words of its own: a `<title>`, and no script.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

# The frame that shapes are drawn in: its width is stretched, a unit of its height is a pixel.
WIDTH = 300
# About what a letter takes, and what a picture has at least, in pixels.
LETTER, NARROW, BROAD = 6.5, 150, 320

LINE = Markup('<polyline class="{kind}" points="{points}"/>')
AREA = Markup('<polygon class="{kind}" points="{points}"/>')
# What a pointer has to be on to see a value: as high as the frame.
HIT = Markup(
    '<g class="point"><rect class="hit" x="{x:.2f}%" y="{y}" width="{width:.2f}%" height="{height}"/>{mark}'
    "<title>{text}</title></g>"
)
MARK = Markup('<circle class="{kind}" cx="{x:.1f}%" cy="{y:.1f}" r="{r}"/>')
TEXT = Markup('<text x="{x:.1f}%" y="{y}" text-anchor="{anchor}">{word}</text>')
_PICTURE = Markup(
    '<svg class="{kind}" role="img" width="100%" height="{height}"><title>{title}</title><desc>{text}</desc>'
    '<svg x="{left}%" y="{above}" width="{broad}%" height="{frame}" viewBox="0 0 {width} {frame}"'
    ' preserveAspectRatio="none">{shapes}</svg>{words}</svg>'
)

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Frame:
    """Where a picture's shapes are, and what room its words have.

    Attributes:
        height: of the shapes, in pixels.
        above: pixels above them.
        below: pixels below them.
        left: share of the picture to the left of them, in per cent.
    """

    height: float = 72
    above: float = 15
    below: float = 14
    left: float = 0

    def x(self, share: float) -> float:
        """Where a share of the shapes' width is, in per cent of the picture's."""
        return self.left + (100 - self.left) * share

    def picture(self, kind: str, title: str, text: str, shapes: Markup, words: Markup) -> Markup:
        """The picture.

        Args:
            kind: its class.
            title: what is shown.
            text: the same in words, for whoever does not see it.
            shapes: drawn in the frame, and stretched with it.
            words: what is not stretched.
        """
        return _PICTURE.format(
            kind=kind,
            title=title,
            text=text,
            shapes=shapes,
            words=words,
            width=WIDTH,
            frame=self.height,
            above=self.above,
            left=self.left,
            broad=100 - self.left,
            height=self.above + self.height + self.below,
        )

    def under(self, share: float, anchor: str, word: str) -> Markup:
        """Words below the frame, at a share of its width."""
        y = self.above + self.height + self.below - 2
        return TEXT.format(x=self.x(share), y=y, anchor=anchor, word=word)


def points(pairs: Points) -> str:
    """Points as SVG writes them."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)
