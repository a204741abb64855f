"""What each check says of a night: the project's own, run as a run runs them, and the usual rules beside them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.stats import chi2_contingency, ks_2samp

from benchmarks.ground import here
from benchmarks.nights import Nights
from benchmarks.spoil import Fault, Floats
from pipeline.config.contract_section import ContractSection
from pipeline.contract.batch_result import BatchResult
from pipeline.contract.checker import Checker
from pipeline.contract.policy import Policy
from pipeline.evaluation import baselines
from pipeline.evaluation.metrics import LabelledScores, losses
from pipeline.model.artifact import ModelError
from pipeline.model.golden import check_golden_rows
from pipeline.model.loaded_model import Model
from pipeline.monitoring import drift, gate
from pipeline.monitoring.calibration import VOLUME
from pipeline.monitoring.day_over_day import PreviousRun
from pipeline.monitoring.profile import SCORE, Profile
from pipeline.monitoring.run_profile import RunProfile
from pipeline.monitoring.score_summary import ScoreSummary
from pipeline.payloads import Cost, Deployment, Run
from pipeline.store.schemas import SCORE_SCHEMA

RATE = 0.05

_LOG_LOSS = "log_loss"


def ours(
    nights: Nights, rows: pd.DataFrame, scores: Floats, day: date, before: PreviousRun | None
) -> set[str]:
    """The checks of a run that find anything, by name; `same rows` where they are the last night's again."""
    batch = _batch(nights, rows)
    checked = _checked(nights, batch)
    kept = np.flatnonzero(np.isin(batch.column("entity_id"), checked.accepted.column("entity_id")))
    of_run = profile(nights, rows.iloc[kept], scores[kept])
    run_profile = RunProfile(of_run, drift.distances(nights.reference, of_run, day, RATE, before), before)
    summary = ScoreSummary()
    summary.add(_scored(batch.column("entity_id").take(pa.array(kept)), scores[kept]))
    run = _run(len(rows), checked.rejected_rows, day)
    verdict = gate.apply_gate(nights.gate, run, summary, run_profile.findings(nights.gate))
    return {"same rows" if "look exactly" in one.message else one.check for one in verdict.findings}


def volume(nights: Nights, rows: pd.DataFrame, scores: Floats, day: date, *, weekdays: bool) -> bool:
    """Whether the number of rows is unusual: for its weekday, or as if every night were of the same one."""
    reference = nights.reference
    if not weekdays:
        alike = tuple(day + timedelta(weeks=number) for number in range(len(reference.training_days)))
        reference = replace(reference, training_days=alike)
    distances = drift.distances(reference, profile(nights, rows, scores), day, RATE)
    return any(one.unusual for one in distances if one.column == VOLUME)


def strict(nights: Nights, rows: pd.DataFrame) -> bool:
    """Whether a contract that rejects what is out of range would hold the night."""
    rejected = _checked(nights, _batch(nights, rows), ContractSection(out_of_range="reject")).rejected_rows
    return bool(rejected > nights.gate.max_rejected_fraction * len(rows))


def golden(nights: Nights, fault: Fault) -> bool:
    """Whether a model that gives the fault's scores is refused, because golden rows get other ones than recorded."""
    if nights.pinned is None:
        return False
    loaded = here(nights.pinned)

    class Spoilt:
        def predict_proba(self, frame: pd.DataFrame) -> Floats:
            scores = fault.scores(loaded.estimator.predict_proba(frame)[:, 1])
            return np.column_stack([1 - scores, scores])

    try:
        check_golden_rows(Model(loaded.manifest, Spoilt()))
    except ModelError:
        return True
    return False


def skills(nights: Nights, scores: Mapping[date, Floats], window: int) -> Floats:
    """`skill:base_rate` of every so many nights in a row: below 0 the model is worse than no model."""
    if nights.pinned is None or nights.actual is None:
        return np.array([])
    own, base = [], []
    for day, found in scores.items():
        actual = nights.actual(day, nights.later[day])
        has = ~np.isnan(actual)
        label = (found[has] > 0.5).astype(np.int64)
        judged = LabelledScores("binary", nights.manifest.classes, actual[has], found[has], label, None)
        other = baselines.baselines(nights.pinned, judged, pa.table({}))["base_rate"]
        own.append(losses(judged)[_LOG_LOSS] * has.sum())
        base.append(losses(other)[_LOG_LOSS] * has.sum())
    summed = [np.convolve(losses_, np.ones(window), "valid") for losses_ in (own, base)]
    return 1 - summed[0] / summed[1]


def psi_rule(nights: Nights, rows: pd.DataFrame, scores: Floats) -> bool:
    """The usual rule: any feature, or the score, with a PSI above 0.2."""
    counts = profile(nights, rows, scores).counts
    return any(drift.psi(counts[name], pooled) > 0.2 for name, pooled in nights.reference.pooled.items())


def ks_rule(nights: Nights, rows: pd.DataFrame, scores: Floats) -> bool:
    """Any p-value below 5 %, of Kolmogorov and Smirnov, or of chi-squared for categories."""
    mine, training = rows.assign(score=scores), nights.training
    if "score" not in training:
        training = training.assign(score=nights.score(training))
    counts = profile(nights, rows, scores).counts
    for name, bins in nights.reference.bins.items():
        if bins.kind == "edges":
            one, other = (found[name or "score"].dropna() for found in (mine, training))
            if len(one) == 0 or ks_2samp(one, other, method="asymp").pvalue < RATE:
                return True
        elif bins.kind == "values":
            table = np.array([counts[name], nights.reference.pooled[name]])
            if chi2_contingency(table[:, table.sum(axis=0) > 0]).pvalue < RATE:
                return True
    return False


def profile(nights: Nights, rows: pd.DataFrame, scores: Floats) -> Profile:
    """What is kept of a night."""
    table = pa.Table.from_pandas(rows.assign(**{SCORE: scores}), preserve_index=False).combine_chunks()
    columns = {
        name: table[name].chunk(0) if len(table) else pa.nulls(0, table[name].type)
        for name in nights.reference.bins
    }
    return Profile.of(nights.reference.bins, columns)


def last(nights: Nights, day: date) -> PreviousRun:
    """A later night, as the next one finds it."""
    rows = nights.later[day]
    return PreviousRun(day, profile(nights, rows, nights.score(rows)).counts)


def _batch(nights: Nights, rows: pd.DataFrame) -> pa.RecordBatch:
    names = ["entity_id", *(column.name for column in nights.manifest.columns)]
    return pa.Table.from_pandas(rows[names], preserve_index=False).combine_chunks().to_batches()[0]


def _checked(nights: Nights, batch: pa.RecordBatch, said: ContractSection | None = None) -> BatchResult:
    contract = nights.manifest.contract
    return Checker(contract, Policy.resolve(contract, said)).check(batch)


def _scored(entities: pa.Array, scores: Floats) -> pa.RecordBatch:
    nothing = [pa.nulls(len(scores), SCORE_SCHEMA.field(name).type) for name in ("label", "class_scores")]
    return pa.RecordBatch.from_arrays([entities, pa.array(scores), *nothing], schema=SCORE_SCHEMA)


def _run(rows: int, rejected: int, day: date) -> Run:
    return Run(
        run_id=1,
        job="benchmark",
        score_date=day,
        dry_run=False,
        model_name="benchmark",
        model_version=1,
        model_sha256="",
        deployment=Deployment(code_version="", pipeline_version="", job_sha256="", query_sha256=""),
        parts=(),
        rows_extracted=rows,
        rows_rejected=rejected,
        features={},
        forecast={},
        cost=Cost(seconds=0, peak_mb=0),
    )
