"""What a run has published beside what an API answers to the same rows, to the last bit."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipeline.inspection.differences import Difference, between, is_rounding
from pipeline.serving.parity.asking import ParityError
from pipeline.store.schemas import SCORE_SCHEMA

# As many differences are named; all are counted.
NAMED = 20

# An entity, the column and the rule that a row of it broke.
Rejection = tuple[str | None, str, str]


@dataclass
class Comparison:
    """Both sides so far.

    Attributes:
        rows: how many scores were published.
        differing: how many values and rejections are not the same.
        rounded: how many of them differ in their last bits alone.
        differences: the first of them.
        published: rejections as they were published, each with its rows.
        served: rejections as they are answered.
    """

    rows: int = 0
    differing: int = 0
    rounded: int = 0
    differences: list[Difference] = field(default_factory=list)
    published: Counter[Rejection] = field(default_factory=Counter)
    served: Counter[Rejection] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._then, self._now = hashlib.sha256(), hashlib.sha256()

    def scores(self, part: int, then: pa.Table, answers: list[dict[str, Any]]) -> None:
        """Compare a part's published scores with the answers to its rows."""
        scored = [line for line in answers if "rejected" not in line]
        now = pa.Table.from_pylist(
            [{name: line[name] for name in SCORE_SCHEMA.names} for line in scored], SCORE_SCHEMA
        )
        self.rejections(line for line in answers if "rejected" in line)
        self.rows += len(then)
        for digest, table in ((self._then, then), (self._now, now)):
            _add(digest, table)
        for difference in between(part, "API", then, now):
            self.differing += 1
            self.rounded += is_rounding(difference.then, difference.now)
            if len(self.differences) < NAMED:
                self.differences.append(difference)

    def rejections(self, answers: Any) -> None:
        """Count the rules that answered rows broke."""
        for line in answers:
            for reason in line.get("rejected", ()):
                self.served[line["entity_id"], reason["column_name"], reason["rule"]] += 1

    def end(self) -> tuple[str, str]:
        """Compare the rejections, after all else; gives the digests of what was published and of what was answered."""
        for digest, rejections in ((self._then, self.published), (self._now, self.served)):
            for (entity, column, rule), rows in sorted(rejections.items(), key=lambda each: json.dumps(each)):
                digest.update(json.dumps([entity, column, rule, rows]).encode() + b"\n")
        for then, now, rejections in (
            ("rejected", None, self.published - self.served),
            (None, "rejected", self.served - self.published),
        ):
            for (entity, column, rule), rows in rejections.items():
                self.differing += rows
                if len(self.differences) < NAMED:
                    what = f"{column} {rule}"
                    self.differences.append(Difference(-1, str(entity), "API", what, then, now))
        digests = self._then.hexdigest(), self._now.hexdigest()
        if (digests[0] == digests[1]) != (not self.differing):
            raise ParityError("the digests say otherwise than the comparison. Report it, with the run.")
        return digests


def _add(digest: Any, table: pa.Table) -> None:
    """Add scores to a digest: a line of JSON each, in the order of entities, floats by their bits."""
    for row in table.sort_by("entity_id").to_pylist():
        classes = row["class_scores"]
        values = [
            row["entity_id"],
            row["score"].hex(),
            row["label"],
            None if classes is None else [each.hex() for each in classes],
        ]
        digest.update(json.dumps(values).encode() + b"\n")
