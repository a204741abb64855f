"""What a model prints becomes lines of the task's log, cut, and without what a terminal obeys."""

import os

import pytest

from pipeline.isolation.output import Printed


def test_lines_are_logged_and_the_last_are_kept(caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = os.pipe()
    printed = Printed(reader, "shop version 1")
    os.write(writer, b"first\n\n" + b"x" * 70_000 + b"\n\x1b[31mred\xff\nand no end")
    os.close(writer)
    first, long, red, end = printed.last().split(" | ")
    assert (first, len(long), red, end) == ("first", 300, "\\u001b[31mred\ufffd", "and no end")
    assert "model shop version 1 printed: first" in caplog.text


def test_a_model_that_prints_without_end_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = os.pipe()
    printed = Printed(reader, "shop version 1")
    os.write(writer, b"a row\n" * 5000 + b"the end\n")
    os.close(writer)
    assert printed.last().endswith("a row | the end")
    assert len(caplog.records) == 1001
    assert "has printed 1000 lines: what follows is not shown. Have it print less." in caplog.text
