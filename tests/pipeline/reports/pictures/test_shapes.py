"""pipeline/reports/pictures/shapes.py: a frame with room for words above, below and at the left of its shapes."""

from xml.etree import ElementTree

from markupsafe import Markup

from pipeline.reports.pictures.shapes import Frame, points


def test_a_picture_says_what_it_is_and_keeps_its_shapes_in_the_frame() -> None:
    frame = Frame(height=50, above=10, below=20, left=25)
    drawn = ElementTree.fromstring(
        frame.picture("kind", "<title>", "said", Markup(""), frame.under(0.5, "middle", "&"))
    )
    assert (drawn.get("height"), drawn.findtext("title"), drawn.findtext("desc")) == ("80", "<title>", "said")
    inner = drawn.find("svg")
    assert inner is not None
    assert (inner.get("x"), inner.get("width"), inner.get("y")) == ("25%", "75%", "10")
    word = drawn.find("text")
    assert word is not None
    assert (word.text, word.get("x"), word.get("y")) == ("&", "62.5%", "78")


def test_points_are_written_as_svg_reads_them() -> None:
    assert points([(0, 1), (2.26, 3)]) == "0.0,1.0 2.3,3.0"
