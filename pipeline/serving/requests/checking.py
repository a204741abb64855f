"""Rows of a request held against the contract by the checker of a night, with the policy of the job."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa

from pipeline.config import dates
from pipeline.config.job import Job
from pipeline.contract.checker import Checker
from pipeline.contract.contract import ENTITY, Contract
from pipeline.contract.policy import Policy
from pipeline.serving.requests import rows
from pipeline.serving.requests.rows import MARK


@dataclass(frozen=True)
class Checked:
    """What became of a request's rows.

    Attributes:
        accepted: the rows that may be scored, as a part has them.
        places: which of the request's rows they are.
        entities: of all of the request's rows, as they were sent.
        rejected: by the number of a row: the rules that it broke, in the words of `rejected_rows`.
        counts: per column and rule, the values that broke it.
    """

    accepted: pa.RecordBatch
    places: list[int]
    entities: list[str | None]
    rejected: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    counts: dict[str, Counter[str]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Terms:
    """What rows of requests are held against; rows that share it can be checked together.

    Attributes:
        job: whose rows they are.
        contract: of the model that will score.
        policy: what becomes of the values that break a rule.
        day: the score date; a time after its end comes from the future.
    """

    job: Job
    contract: Contract
    policy: Policy
    day: date

    def repeats(self, wanted: Sequence[Mapping[str, Any]]) -> bool:
        """Whether a request has an entity twice, and the job rejects such rows."""
        if self.policy.unique != "reject" or len(wanted) == 1:
            return False
        return len(_repeated(rows.entities(wanted))) > 0

    def check(self, wanted: Sequence[Mapping[str, Any]], *, repeats: bool) -> Checked:
        """Hold rows against the contract.

        Args:
            wanted: of one request; or of several, none of which has an entity twice.
            repeats: whether they are of one request that has.
        """
        return check(rows.batch(wanted, self.contract), self, repeats=repeats)


def check(batch: pa.RecordBatch, terms: Terms, *, repeats: bool = True) -> Checked:
    """Hold rows against the contract, as the rows of a score date.

    An entity that comes twice in one request is that of a run which has it twice: where the job rejects such rows,
    each breaks the rule `unique`.

    Args:
        batch: the rows as they were sent.
        terms: what they are held against.
        repeats: whether entities may come twice, and not only in two requests.
    """
    zone, policy = terms.job.zone, terms.policy
    end = dates.interval(terms.day, zone)[1].astimezone(zone)
    repeated = _repeated(batch.column(ENTITY)) if repeats and policy.unique == "reject" else None
    checker = Checker(terms.contract, policy, end, repeated)
    result = checker.check(batch)
    rejected: dict[int, list[dict[str, Any]]] = {}
    if result.rejected_rows:
        for reasons in result.reasons():
            for line in reasons.to_pylist():
                value = None if line["value"] is None else line["value"].removeprefix(MARK)
                reason = {"column_name": line["column_name"], "rule": line["rule"], "value": value}
                rejected.setdefault(line["row_number"], []).append(reason)
    places = [number for number in range(batch.num_rows) if number not in rejected]
    return Checked(result.accepted, places, _entities(batch), rejected, checker.counts)


def _entities(batch: pa.RecordBatch) -> list[str | None]:
    """What each row calls its entity, for an answer."""
    contents = batch.column(ENTITY).view(pa.binary()).to_pylist()
    return [
        None if content is None else content.decode("utf-8", "backslashreplace").removeprefix(MARK)
        for content in contents
    ]


def _repeated(entities: pa.Array) -> pa.Array:
    times = Counter(content for content in entities.view(pa.binary()).to_pylist() if content is not None)
    repeated = [content for content, number in times.items() if number > 1]
    readable = [content.decode("utf-8", "ignore") for content in repeated if _is_text(content)]
    return pa.array(readable, pa.string())


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
