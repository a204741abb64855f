"""A job tightens and loosens rules, for all columns or one; what cannot be is its file's error."""

import re
from dataclasses import replace
from typing import Any

import pytest

from pipeline.config.contract_section import RULES, ContractSection
from pipeline.config.job import JobError
from pipeline.contract.contract import Column, Contract
from pipeline.contract.policy import DEFAULTS, Policy
from tests.home import NIGHT, Home
from tests.pipeline.shop import Shop, open_shop

AMOUNT = Column("amount", "number", "float64", nullable=False, minimum=0.0, maximum=100.0)
OPEN = Column("open", "number", "float64", nullable=True)
CHANNEL = Column("channel", "text", "str", nullable=True, categories=("shop", "web"))
PICKY = replace(CHANNEL, name="picky", accepts_unknown=False)
CONTRACT = Contract((AMOUNT, OPEN, CHANNEL, PICKY))


def settled(said: dict[str, Any]) -> dict[str, dict[str, str]]:
    """What becomes of every column's values."""
    policy = Policy.resolve(CONTRACT, ContractSection.model_validate(said), "night.toml", "shop version 1")
    return {name: dict(rules) for name, rules in policy.actions.items()}


def test_where_the_job_says_nothing_the_defaults_hold() -> None:
    assert settled({}) == {
        "amount": {"type": "reject", "null": "reject", "finite": "reject", "out_of_range": "warn"},
        "open": {"type": "reject", "null": "warn", "finite": "reject"},
        "channel": {"type": "reject", "null": "warn", "unknown_category": "warn"},
        "picky": {"type": "reject", "null": "warn", "unknown_category": "reject"},
    }


def test_every_rule_of_a_job_file_has_a_default() -> None:
    assert tuple(DEFAULTS) == RULES


def test_one_column_may_differ_from_the_others() -> None:
    actions = settled({"null": "reject", "columns": {"open": {"null": "ignore", "finite": "warn"}}})
    assert {name: rules["null"] for name, rules in actions.items()} == {
        "amount": "reject",
        "open": "ignore",
        "channel": "reject",
        "picky": "reject",
    }
    assert (actions["open"]["finite"], actions["amount"]["finite"]) == ("warn", "reject")


def test_a_model_that_scores_a_missing_value_lets_a_job_loosen_it() -> None:
    contract = Contract((replace(AMOUNT, accepts_missing=True),))
    section = ContractSection.model_validate({"null": "warn", "type": "warn"})
    assert Policy.resolve(contract, section).actions["amount"]["type"] == "warn"
    assert Policy.resolve(contract).actions["amount"]["null"] == "reject"


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        (
            {"amnt": {"null": "warn"}},
            "key 'contract.columns.amnt' is unknown: model shop version 1 takes no such column. Did you mean 'amount'? "
            "Known: amount, open, channel, picky.",
        ),
        ({"entity_id": {"null": "warn"}}, "Set contract.unique; a null there is always rejected"),
        (
            {"channel": {"out_of_range": "warn"}},
            "key 'contract.columns.channel.out_of_range': no value of this column can break the rule in model shop "
            "version 1. Those that one can: type, null, unknown_category.",
        ),
        (
            {"amount": {"null": "warn"}},
            "key 'contract.columns.amount.null' = 'warn': model shop version 1 cannot score a missing value here",
        ),
        (
            {"amount": {"type": "ignore"}},
            "'contract.columns.amount.type' = 'ignore': model shop version 1 cannot",
        ),
        (
            {"open": {"null": "reject", "type": "warn"}},
            "key 'contract.columns.open.type' = 'warn': it would be taken as missing, and a missing value is rejected "
            'here. Set contract.columns.open.null = "warn" too.',
        ),
        (
            {"picky": {"unknown_category": "warn"}},
            "key 'contract.columns.picky.unknown_category' = 'warn': model shop version 1 cannot score a category",
        ),
    ],
)
def test_what_cannot_be_names_file_key_and_remedy(columns: dict[str, Any], complaint: str) -> None:
    with pytest.raises(JobError, match=re.escape(complaint)) as error:
        settled({"columns": columns})
    assert str(error.value).startswith("night.toml: ")


def test_all_that_cannot_be_is_told_at_once() -> None:
    with pytest.raises(JobError) as error:
        settled({"columns": {"amnt": {}, "channel": {"future": "warn", "finite": "warn"}}})
    assert len(str(error.value).splitlines()) == 3


@pytest.fixture
def shop(home: Home) -> Shop:
    return open_shop(home, extract="[contract.columns.visit]\nnull = 'warn'")


def test_a_night_of_a_wrong_rule_does_not_begin(shop: Shop) -> None:
    with pytest.raises(
        JobError, match=r"job_\d+.toml: key 'contract.columns.visit' is unknown: .* Did you mean 'visits'"
    ):
        shop.home.score(shop.job)
    assert shop.runs() == []


def test_registering_finds_out_which_columns_may_be_missing(shop: Shop) -> None:
    # The model drops the amount, and cannot take a gap in an integer.
    shop.configure("columns.visit]", "columns.visits]")
    with pytest.raises(
        JobError, match="key 'contract.columns.visits.null' = 'warn': model shop version 1 cannot score"
    ):
        shop.extract()


def test_a_loosened_column_is_scored_without_its_value(shop: Shop) -> None:
    shop.configure(r"columns.visit\]\nnull = 'warn'", "columns.amount]\nfinite = 'warn'")
    shop.change("amount = 'Infinity'", "entity_id = 'customer-00007'")
    done = shop.home.score(shop.job, NIGHT)
    assert (done.rows_scored, done.rows_rejected) == (100, 0)
    query = "SELECT feature, value FROM scoring.feature_metrics WHERE run_id = :run_id AND metric = 'finite'"
    assert shop.home.sql(query, "analyst", run_id=done.run_id) == [{"feature": "amount", "value": 1.0}]
