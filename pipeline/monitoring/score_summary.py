"""The spread of a run's scores."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


@dataclass
class ScoreSummary:
    """The spread of a run's scores, added up batch by batch (Chan, Golub and LeVeque 1979 for the variance)."""

    rows: int = 0
    mean: float = 0.0
    squares: float = 0.0
    minimum: float = float("inf")
    maximum: float = float("-inf")
    labels: Counter[str] = field(default_factory=Counter)

    def add(self, batch: pa.RecordBatch) -> None:
        """Count a batch of scored rows."""
        scores = batch.column("score").to_numpy()
        if not len(scores):
            return
        # Scores may be as large as a float can be; then their spread is infinite, and no reason to stop.
        with np.errstate(over="ignore", invalid="ignore"):
            mean, total = float(scores.mean()), self.rows + len(scores)
            apart = mean - self.mean
            self.squares += (
                float(((scores - mean) ** 2).sum()) + apart * apart * self.rows * len(scores) / total
            )
        self.mean += apart * len(scores) / total
        self.rows = total
        self.minimum, self.maximum = min(self.minimum, scores.min()), max(self.maximum, scores.max())
        for count in pc.value_counts(batch.column("label").drop_null()).to_pylist():
            self.labels[count["values"]] += count["counts"]

    def metrics(self) -> dict[str, float]:
        """The summary as named numbers; what is beyond a float is left out."""
        if not self.rows:
            return {}
        spread = {"score_mean": self.mean, "score_min": self.minimum, "score_max": self.maximum}
        spread["score_std"] = float(np.sqrt(self.squares / self.rows))
        spread = {name: value for name, value in spread.items() if np.isfinite(value)}
        return spread | {f"label_share:{label}": count / self.rows for label, count in self.labels.items()}
