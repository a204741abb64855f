-- name: runs
-- The runs of a job that are published in a range of score dates, the earliest first, as an analyst sees them.
SELECT run.run_id, run.job, run.score_date, run.model_version, run.scored_at, run.served_by, run.staleness_days,
       run.source_run_id, named.classes
FROM scoring.current_runs AS current
JOIN scoring.scoring_runs AS run ON run.run_id = current.run_id
LEFT JOIN scoring.model_classes AS named ON named.model_sha256 = run.model_sha256
WHERE current.job = :job AND current.score_date BETWEEN :first AND :last
ORDER BY run.score_date

-- name: ledger
-- The parts of a run.
SELECT part, rows_rejected, rows_scored, rows_erased, input_sha256, scored_sha256 FROM scoring.run_parts
WHERE run_id = :run_id ORDER BY part

-- name: rows
-- The rows of a run while it is published, part by part.
SELECT part, entity_id, score, label, class_scores FROM scoring.predictions
WHERE run_id = :run_id AND score_date = :score_date ORDER BY part
