"""What a run looked like, compared with the limits of its job's gate."""

from pipeline.config.sections import GateSection
from pipeline.monitoring.score_summary import ScoreSummary
from pipeline.payloads import Finding, Run, Verdict

# Fewer rows may well have one score by chance; gate.constant_score tells the number.
_ENOUGH = 20


def apply_gate(
    gate: GateSection, run: Run, summary: ScoreSummary, unusual: tuple[Finding, ...] = ()
) -> Verdict:
    """Hold what a run looked like against the job's gate."""
    findings = []
    if summary.rows < gate.min_rows:
        message = f"{summary.rows} rows were scored, and gate.min_rows is {gate.min_rows}"
        findings.append(Finding(check="min_rows", action="hold", message=message))
    share = run.rows_rejected / run.rows_extracted if run.rows_extracted else 0.0
    if share > gate.max_rejected_fraction:
        message = (
            f"{run.rows_rejected} of {run.rows_extracted} rows were rejected ({share:.1%}), "
            f"and gate.max_rejected_fraction is {gate.max_rejected_fraction}"
        )
        findings.append(Finding(check="rejected_fraction", action=gate.rejected_fraction, message=message))
    if summary.rows >= _ENOUGH and summary.minimum == summary.maximum:
        message = f"all {summary.rows} rows have the very same score, {summary.minimum:.6g}"
        findings.append(Finding(check="constant_score", action=gate.constant_score, message=message))
    return Verdict(findings=(*findings, *unusual), rows_scored=summary.rows)
