-- name: published
-- The published run of a job and score date.
SELECT run_id FROM scoring.current_runs WHERE job = :job AND score_date = :score_date

-- name: rows
-- A run's scores, in the order of its parts.
SELECT run_id, part, entity_id, score, label, class_scores
FROM scoring.prediction_rows
WHERE score_date = :score_date AND run_id = :run_id
ORDER BY run_id, part

-- name: rejections
-- The rules that rows of a run broke, by entity, and how many rows of that entity broke each.
SELECT entity_id, column_name, rule, count(*) AS rows
FROM scoring.rejected_rows WHERE run_id = :run_id
GROUP BY entity_id, column_name, rule

-- name: enter
-- Enters what a replay came to, and gives its number.
INSERT INTO scoring.parity_certificates (run_id, model_name, model_version, model_sha256, code_version,
                                         pipeline_version, rows_scored, rows_rejected, differences, published_sha256,
                                         served_sha256)
VALUES (:run_id, :model_name, :model_version, :model_sha256, :code_version, :pipeline_version, :rows_scored,
        :rows_rejected, :differences, :published_sha256, :served_sha256)
RETURNING certificate_id
