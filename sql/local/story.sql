-- name: score_dates
-- Of each score date the run that was published, else the newest that is held or decided on, with its findings and AUC.
SELECT run.run_id, run.score_date, run.status, run.decided_by, run.rows_extracted, run.rows_rejected, auc.value AS auc,
       ARRAY(SELECT message FROM scoring.findings WHERE run_id = run.run_id AND action = 'hold' ORDER BY message) AS held,
       ARRAY(SELECT message FROM scoring.findings WHERE run_id = run.run_id ORDER BY action, message) AS findings
FROM (
    SELECT DISTINCT ON (score_date) *
    FROM scoring.scoring_runs
    WHERE job = :job AND score_date = ANY(CAST(:score_dates AS date[]))
          AND (status IN ('published', 'held') OR decided_by IS NOT NULL)
    ORDER BY score_date, status = 'published' DESC, run_id DESC
) AS run
LEFT JOIN scoring.outcome_metrics AS auc
    ON auc.run_id = run.run_id AND auc.slice_column = '' AND auc.metric = 'roc_auc'
ORDER BY run.run_id
