"""docs/reference/metrics.md: every metric that is kept of a run, of a feature and of its outcomes.

Names are put together while a run is scored, so they stand in no single place of the code. This list is held by
tests/docs/test_reference.py: a metric that a run leaves and that is not here fails, and so does one here that no run
and no kind of model leaves.
"""

import re

from docs.generators.markdown import page, sentence, table
from pipeline.config.contract_section import RULES

# A word in capitals stands for a text of the job: a class, a slice, a column of a query.
_PLACEHOLDER = re.compile(r"(?<![A-Za-z])[A-Z]{2,}(?![A-Za-z])")

RUN = {
    "rows_extracted": "rows that the query gave",
    "rows_rejected": "rows that were rejected, by the contract or because the model itself raised",
    "rows_failed": "of these, rows on which the model itself raised",
    "rows_scored": "rows with a score",
    "parts": "parts that the rows were cut into",
    "compiled_parts": "of these, parts that a compiled predictor scored, and not the estimator, to the same bits",
    "forecast_rows": "rows that were expected before the run",
    "forecast_parts": "parts that were expected",
    "forecast_seconds": "seconds of `extract`, `predict` and `write` that were expected; beside `seconds`",
    "forecast_peak_mb": "most memory of one task that was expected, in MB; beside `peak_mb`",
    "forecast_store_mb": "size of all files that was expected, in MB; beside `store_mb`",
    "ready": "1 where the source was ready before the run began, else 0; of a job with `[ready]`",
    "ready_seconds": "seconds that it had waited for its source by then, from the DAG run's begin; 0 on the "
    "command line",
    "seconds": "seconds from the begin of `extract` to the end of `write`",
    "peak_mb": "the most memory that one task held, in MB",
    "store_mb": "size of all files of the run, in MB",
    "STAGE_seconds": "seconds of `extract`, `predict`, `write` or `log_metrics`, its parts added up",
    "STAGE_peak_mb": "the most memory of that stage, in MB",
    "STAGE_rows_per_second": "rows a second of `extract`, `predict` or `write`",
    "score_mean": "mean of the scores",
    "score_std": "standard deviation of the scores",
    "score_min": "the least score; analysts do not see it",
    "score_max": "the greatest score; analysts do not see it",
    "score_p10": "a tenth of the scores lie below, in three digits",
    "score_median": "half of the scores lie below, in three digits",
    "score_p90": "nine tenths of the scores lie below, in three digits",
    "label_share:CLASS": "share of the rows with that predicted class",
    "score_psi": "distance (PSI) of the scores to the training days",
    "score_change_last_night": "how many bins the scores moved on average since the last published run",
    "score_psi_last_night": "distance (PSI) of the scores to the last published run",
    "score_unusualness": "the scores' distance in units of its limit: beyond 1 is unusual",
    "rows_log_ratio": "logarithm of the number of rows over the usual number on that weekday",
    "rows_unusualness": "the number of rows in units of its limit: beyond 1 is unusual",
    "score_psi_SIZE_runs": "distance (PSI) of the scores of the last 7 or 28 published runs, taken together",
    "score_unusualness_SIZE_runs": "the same in units of its limit: beyond 1 is unusual",
    "rows_log_ratio_SIZE_runs": "`rows_log_ratio` of the last 7 or 28 published runs, on average",
    "rows_unusualness_SIZE_runs": "the same in units of its limit: beyond 1 is unusual",
    "runs_to_pool": "published runs of the same model that could be taken together, this one with them; at most 28",
    "unusualness": "the largest unusualness of all: beyond 1 is unusual",
    "slices_unusualness": "the largest distance within the job's slices, in units of its limit: beyond 1 is unusual",
    "slices_without_counts": "slices of the job within which drift is not looked at, as the version has no counts of "
    "them or too few days",
    "estimated_METRIC": "that metric as it was expected before outcomes, of a job with `[outcomes]` (binary)",
    "estimated_METRIC_low": "where the interval of that estimate begins, which holds nine runs in ten (binary)",
    "estimated_METRIC_high": "where it ends (binary)",
    "estimate_runs": "measured runs that the estimate is read off; below 20 it is withheld (binary)",
    "estimate_defined": "0 where no estimate is defined: of a multiclass model or a regression",
}
FEATURE = {
    **{rule: f"values that broke the contract's rule `{rule}`, rejected ones too" for rule in RULES},
    "missing_share": "share of the extracted rows in which the value is missing",
    "unknown_category_share": "share of the extracted rows with a text that training never saw",
    "mean": "mean",
    "p10": "a tenth of the values lie below",
    "median": "half of the values lie below",
    "p90": "nine tenths of the values lie below",
    "psi": "distance (PSI) to the training days",
    "psi_last_night": "distance (PSI) to the last published run",
    "change_last_night": "how many bins the rows moved on average since the last published run",
    "unusualness": "distance or change in units of its limit, the larger of the two: beyond 1 is unusual",
    "psi_SIZE_runs": "distance (PSI) of the last 7 or 28 published runs, taken together",
    "unusualness_SIZE_runs": "the same in units of its limit: beyond 1 is unusual",
    "nights_as_far": "training days that were as far from the others",
    "nights_changed_as_much": "training days that had changed as much",
    "slice_psi:SLICE=VALUE": "distance (PSI) of the rows with that value in a slice to the training days', where it is "
    "unusual",
    "slice_unusualness:SLICE=VALUE": "the same in units of its limit",
}
_INTERVAL = "95 % interval (Wilson) of the rate of that name"
OUTCOME = {
    "sampled": "entities that were compared: all, or a sample of a million",
    "outcomes": "of these, entities with an outcome",
    "coverage": "share of the entities with an outcome",
    "entities": "entities of the run with a score; of all together",
    "outcomes_unscored": "rows of the outcomes query for entities without a score; of all together",
    "in_sample": "1 where the model was trained on the score date, else 0; of all together, and of no run whose model "
    "has unknown training days",
    "small": "1 for a group with fewer outcomes than `outcomes.min_group`, which is never compared; else 0",
    "log_loss": "logarithmic loss (binary, multiclass)",
    "brier": "Brier score (binary)",
    "roc_auc": "area under the ROC curve (binary)",
    "average_precision": "average precision (binary)",
    "true_positives": "count at the threshold (binary)",
    "false_positives": "count at the threshold (binary)",
    "true_negatives": "count at the threshold (binary)",
    "false_negatives": "count at the threshold (binary)",
    "accuracy": "share of the labels that came true (binary, multiclass)",
    "base_rate": "share of the outcomes that are positive (binary)",
    "selection_rate": "share of the labels that are positive (binary)",
    "recall": "share of the positive outcomes that were called positive (binary)",
    "precision": "share of the positive labels that came true (binary)",
    "false_positive_rate": "share of the negative outcomes that were called positive (binary)",
    "RATE_low": f"lower bound of the {_INTERVAL}",
    "RATE_high": f"upper bound of the {_INTERVAL}",
    "mean_score": "mean of the scores (binary, regression)",
    "calibration_error": "mean distance between score and outcome over ten bins (binary)",
    "calibration_rows:BIN": "rows with a score in that bin, such as `0.1-0.2` (binary)",
    "calibration_score:BIN": "mean score in that bin (binary)",
    "calibration_rate:BIN": "share of positive outcomes in that bin (binary)",
    "base_rate:CLASS": "share of the outcomes that are that class (multiclass)",
    "selection_rate:CLASS": "share of the labels that are that class (multiclass)",
    "recall:CLASS": "share of the outcomes of that class that were called so (multiclass)",
    "precision:CLASS": "share of the labels of that class that came true (multiclass)",
    "RATE_low:CLASS": f"lower bound of the {_INTERVAL} (multiclass)",
    "RATE_high:CLASS": f"upper bound of the {_INTERVAL} (multiclass)",
    "actual:CLASS": "outcomes of that class (multiclass)",
    "predicted:CLASS": "labels of that class (multiclass)",
    "hits:CLASS": "labels of that class that came true (multiclass)",
    "mae": "mean absolute error (regression)",
    "rmse": "root of the mean squared error (regression)",
    "bias": "mean of score less outcome (regression)",
    "error_quantile:SHARE": "that share of the errors lie below, from 0.05 to 0.95 (regression)",
    "mean_outcome": "mean of the outcomes (regression)",
    "LOSS:BASELINE": "the loss of a baseline: `base_rate` gives everybody the reference's rate, `group_rate` the rate "
    "of each combination of the job's slices",
    "skill:BASELINE": "share of a baseline's log loss (regression: squared error) that the model saves",
    "training:NAME": "a metric of training, as the manifest has it",
    "RATE_gap:SLICE": "largest difference of a rate between the groups of a slice",
    "RATE_gap_p:SLICE": "how often groups made by chance would differ as much",
    "RATE_gap_alarm:SLICE": "1 where the difference is larger than `outcomes.gap`, and not by chance; else 0",
    "alarms": "how many of these differences are alarms",
    "quality_evidence": "how strongly the days until this one say that the model is worse than in training: at 1 is an "
    "alarm; of all together",
    "quality_alarm": "1 while the quality alarm is on after that day, else 0; of all together",
    "quality_reference": "1 where the day says itself what is ordinary, since training left no losses; of all together",
    "business:NAME": "a column of the job's own query `outcomes.business`",
}
# What a placeholder may stand for where the code says it.
_STANDS_FOR = {
    "STAGE": "extract|predict|write|log_metrics",
    "RATE": "accuracy|base_rate|selection_rate|recall|precision|false_positive_rate|bias",
    "LOSS": "log_loss|brier|roc_auc|average_precision|mae|rmse",
    "BASELINE": "base_rate|group_rate",
    "METRIC": "log_loss|brier|roc_auc|accuracy",
    "SIZE": "7|28",
    "BIN": r"\d\.\d-\d\.\d",
    "SHARE": r"0\.\d+",
}
_INTRODUCTION = """One number a row, by name. A word in capitals stands for a text of the job, such as a class. \
StatsD gets the metrics of a run as gauges `scoring.JOB.METRIC`, and those of its outcomes as \
`scoring.JOB.outcomes:METRIC`. MLflow gets the same names, with `/` for `:`. \
[Monitor](../how-to/monitor.md) says where the numbers go."""


def render() -> str:
    """The page."""
    parts = {
        "Of a run": ("`scoring.run_metrics`", RUN),
        "Of a feature": ("`scoring.feature_metrics`", FEATURE),
        "Of outcomes": ("`scoring.outcome_metrics`, of all entities and of every group of a slice", OUTCOME),
    }
    return page(
        "Metrics",
        _INTRODUCTION,
        [
            f"## {title}\n\nIn {where}.\n\n"
            + table(["Metric", "Meaning"], [[f"`{name}`", sentence(text)] for name, text in metrics.items()])
            for title, (where, metrics) in parts.items()
        ],
    )


def documented(metric: str, names: dict[str, str]) -> list[str]:
    """The names of a list that describe a metric."""
    return [name for name in names if re.fullmatch(_expression(name), metric, re.DOTALL)]


def _expression(name: str) -> str:
    pieces = _PLACEHOLDER.split(name)
    words = [f"(?:{_STANDS_FOR.get(word, '.*')})" for word in _PLACEHOLDER.findall(name)]
    return "".join(re.escape(piece) + word for piece, word in zip(pieces, [*words, ""], strict=True))
