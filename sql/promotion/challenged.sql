-- name: days
-- The published score dates of one version on which another was the challenger, with enough outcomes that neither has
-- seen in training: by how much less the challenger lost, in order.
SELECT run.score_date, result.champion_loss - result.challenger_loss AS difference
FROM scoring.challenge_results AS result
JOIN scoring.challenges AS done ON done.run_id = result.run_id
JOIN scoring.current_runs AS current ON current.run_id = result.run_id
JOIN scoring.scoring_runs AS run ON run.run_id = result.run_id
WHERE run.job = :job AND run.served_by = 'model' AND run.model_name = :model_name
      AND run.model_version = :former AND run.model_sha256 = :former_sha256
      AND done.model_name = :model_name AND done.model_version = ANY(:versions)
      AND done.model_sha256 = :version_sha256
      AND NOT result.in_sample AND result.outcomes >= :least AND run.score_date BETWEEN :first AND :last
ORDER BY run.score_date
