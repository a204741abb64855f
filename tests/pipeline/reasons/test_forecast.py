"""What reasons cost is measured on rows of training, before the first run."""

import re
from dataclasses import replace

import pytest

from pipeline.config.aside.reasons_section import ReasonsSection
from pipeline.errors import NothingToDo
from pipeline.model import registry
from pipeline.reasons import explaining, forecast
from pipeline.runtime import clock
from tests.home import Home
from tests.pipeline.shop import open_shop


def test_it_says_what_an_entity_takes_and_what_the_limit_is_enough_for(home: Home) -> None:
    shop = open_shop(home)
    job = home.read(shop.job)
    model = registry.load(registry.resolve(home.path, "shop", "champion"))
    with pytest.raises(NothingToDo, match=r"has no section \[reasons\]"):
        forecast.describe(home.workspace, job, model)
    asked = job.model_copy(update={"reasons": ReasonsSection(orders=8, rows=0.5)})
    pattern = (
        r"the 3 largest of 4 columns, over 8 orders; an entity takes \S+ ms of one processor, so that the"
    )
    assert re.match(pattern, sentence := forecast.describe(home.workspace, asked, model))
    assert "last run" not in sentence
    home.score(shop.job)
    assert "; 50 as in the last run take " in forecast.describe(home.workspace, asked, model)
    changed = job.model_copy(update={"reasons": ReasonsSection(top=20, orders=8, rows="changed")})
    sentence = forecast.describe(home.workspace, changed, model)
    assert sentence.startswith("the 4 largest of 4 columns")
    assert "; at most 100 as in the last run take at most " in sentence
    unreachable = replace(home.workspace, predictions="postgresql://nobody@127.0.0.1:1/none")
    assert "last run" not in forecast.describe(unreachable, asked, model)


def test_it_is_the_processor_s_time_that_counts_whatever_the_clock_says(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = open_shop(home)
    job = home.read(shop.job).model_copy(update={"reasons": ReasonsSection(orders=8)})
    model = registry.load(registry.resolve(home.path, "shop", "champion"))
    seconds = iter((100.0, 100.0 + 2 * explaining.TRAINING_ROWS))
    monkeypatch.setattr(clock, "processor_seconds", lambda: next(seconds))
    sentence = forecast.describe(home.workspace, job, model)
    assert (
        "an entity takes 2e+03 ms of one processor, so that the time limit is enough for 900 on one"
        in sentence
    )
