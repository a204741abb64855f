"""The estimate of a run, made while it is scored: its scores are binned batch by batch."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.estimation import measured
from pipeline.estimation.estimate import estimate
from pipeline.estimation.score_bins import ScoreBins
from pipeline.model.manifest import Manifest
from pipeline.payloads import Run


@dataclass
class RunScores:
    """The scores of a run, added up batch by batch; of a binary model alone."""

    manifest: Manifest
    bins: ScoreBins = field(default_factory=ScoreBins.empty)

    def add(self, batch: pa.RecordBatch) -> None:
        """Count a batch of scored rows."""
        if self.manifest.task == "binary":
            called = pc.equal(batch.column("label"), self.manifest.classes[1]).to_numpy(zero_copy_only=False)
            self.bins += ScoreBins.of(batch.column("score").to_numpy(), called.astype(np.bool_))


def metrics(database_url: str, run: Run, scores: RunScores, least: int) -> dict[str, float]:
    """The estimate of a run, as its metrics.

    Args:
        database_url: the predictions database.
        run: the run.
        scores: all of its scores.
        least: outcomes that a measured day must have.
    """
    if scores.manifest.task != "binary":
        return {"estimate_defined": 0.0}
    days = measured.days(database_url, run.job, run.score_date, scores.manifest, least)
    return estimate(scores.bins, days).metrics()
