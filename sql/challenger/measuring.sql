-- name: done
-- The challenger that has scored a run.
SELECT model_name, model_version, model_sha256 FROM scoring.challenges WHERE run_id = :run_id AND status = 'scored'

-- name: parts
-- The files of its scores.
SELECT part, rows_rejected, sha256 FROM scoring.challenge_parts WHERE run_id = :run_id ORDER BY part

-- name: lock
-- One session at a time computes what measured days say together.
SELECT scoring.lock_challenge_results()

-- name: enter
-- Enters what both have lost on one score date.
SELECT scoring.enter_challenge_result(:run_id, :model_sha256, :entities, :outcomes, :loss, :champion_loss,
                                      :challenger_loss, :moved, :relabelled, :in_sample)

-- name: days
-- The measured score dates of a pair of versions, in order, with what was entered of them.
SELECT run.run_id, run.score_date, result.outcomes, result.in_sample, result.verdict,
       result.champion_loss - result.challenger_loss AS difference
FROM scoring.challenge_results AS result
JOIN scoring.challenges AS done ON done.run_id = result.run_id
JOIN scoring.current_runs AS current ON current.run_id = result.run_id
JOIN scoring.scoring_runs AS run ON run.run_id = result.run_id
WHERE run.job = :job AND run.model_name = :model_name AND run.model_version = :champion AND run.served_by = 'model'
      AND done.model_name = :model_name AND done.model_version = :challenger
ORDER BY run.score_date

-- name: verdicts
-- Enters what the days until each say together.
SELECT scoring.enter_challenge_verdicts(
    CAST(:run_ids AS bigint[]), CAST(:days AS integer[]), CAST(:verdicts AS text[]),
    CAST(:means AS double precision[]), CAST(:lows AS double precision[]), CAST(:highs AS double precision[]),
    CAST(:strengths AS double precision[]))
