"""pipeline/cli/console.py: what people write is shown as it is, and a program gets whole lines."""

from tests.home import NIGHT
from tests.pipeline.cli.command import Command
from tests.pipeline.shop import Shop


def test_what_people_write_is_shown_as_it_is(shop: Shop, run: Command) -> None:
    shop.configure("a test job", "[/b] [red]x[/red]")
    shop.configure("min_rows = 1", "min_rows = 101")
    assert run("jobs")[1].endswith("[/b] [red]x[/red]")
    run("score", shop.job, NIGHT)
    held = shop.home.last_run(shop.job)["run_id"]
    code, output, _ = run("reject", held, "--by", "[/ada]", "--reason", "[/no]")
    assert (code, output) == (0, f"run {held} abandoned, rejected by [/ada]")
    assert run("runs", shop.job)[0] == 0
    assert "[/no]" in run("show", held)[1]


def test_a_listing_that_is_piped_keeps_its_lines_whole(shop: Shop, run: Command) -> None:
    shop.configure("a test job", "word " * 60)
    assert ("word " * 60).strip() in run("jobs")[1]
