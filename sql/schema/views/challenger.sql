-- How challengers do: each run that had one, what both lost, and what the days until then say together.

CREATE VIEW scoring.challenger_quality WITH (security_barrier) AS
SELECT runs.job, runs.score_date, runs.run_id, current.run_id IS NOT NULL AS is_shown, runs.model_name,
       runs.model_version AS champion_version, done.model_version AS challenger_version, done.status, done.reason,
       result.entities, result.outcomes, result.loss, result.champion_loss, result.challenger_loss, result.moved,
       result.relabelled, result.in_sample, result.days, result.verdict, result.mean_difference,
       result.difference_low, result.difference_high, result.evidence, result.measured_at
FROM scoring.challenges AS done
JOIN scoring.scoring_runs AS runs ON runs.run_id = done.run_id
LEFT JOIN scoring.current_runs AS current ON current.run_id = done.run_id
LEFT JOIN scoring.challenge_results AS result ON result.run_id = done.run_id
WHERE (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
      OR runs.job IN (SELECT mine.job FROM scoring.my_jobs AS mine);
COMMENT ON VIEW scoring.challenger_quality IS
    'How the challenger of each run compares with the version that was published, once outcomes are known.';
COMMENT ON COLUMN scoring.challenger_quality.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.challenger_quality.score_date IS 'The score date.';
COMMENT ON COLUMN scoring.challenger_quality.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.challenger_quality.is_shown IS 'Whether it is the run that analysts see.';
COMMENT ON COLUMN scoring.challenger_quality.model_name IS 'The model of both.';
COMMENT ON COLUMN scoring.challenger_quality.champion_version IS 'The version whose scores the run has.';
COMMENT ON COLUMN scoring.challenger_quality.challenger_version IS
    'The version that scored the same rows beside it, and is never published.';
COMMENT ON COLUMN scoring.challenger_quality.status IS 'What became of the challenger: `running`, `scored` or `failed`.';
COMMENT ON COLUMN scoring.challenger_quality.reason IS 'Why it failed.';
COMMENT ON COLUMN scoring.challenger_quality.entities IS 'Entities with a score of both; null before outcomes.';
COMMENT ON COLUMN scoring.challenger_quality.outcomes IS 'Of these, entities with an outcome.';
COMMENT ON COLUMN scoring.challenger_quality.loss IS 'What is compared: the log loss, or a regression''s squared error.';
COMMENT ON COLUMN scoring.challenger_quality.champion_loss IS 'The mean loss of the version that was published.';
COMMENT ON COLUMN scoring.challenger_quality.challenger_loss IS 'The mean loss of the challenger.';
COMMENT ON COLUMN scoring.challenger_quality.moved IS
    'The share of entities whose score is in another tenth of the day''s scores.';
COMMENT ON COLUMN scoring.challenger_quality.relabelled IS
    'The share of entities with another label; null for a regression.';
COMMENT ON COLUMN scoring.challenger_quality.in_sample IS
    'Whether one of the two was trained on the score date, which then does not count.';
COMMENT ON COLUMN scoring.challenger_quality.days IS 'How many score dates of this pair count, until this one.';
COMMENT ON COLUMN scoring.challenger_quality.verdict IS
    'Of the challenger after this score date: `better`, `worse` or `undecided`; wrong in no more than 5 % of pairs.';
COMMENT ON COLUMN scoring.challenger_quality.mean_difference IS
    'How much less the challenger lost, on average over these days.';
COMMENT ON COLUMN scoring.challenger_quality.difference_low IS
    'Where the interval of the mean difference begins; null where the days are too few.';
COMMENT ON COLUMN scoring.challenger_quality.difference_high IS 'Where it ends.';
COMMENT ON COLUMN scoring.challenger_quality.evidence IS
    'How strong the evidence is that one is better. At 1 it is decided.';
COMMENT ON COLUMN scoring.challenger_quality.measured_at IS 'When the two were compared.';
GRANT SELECT ON scoring.challenger_quality TO scoring_writer, scoring_job_analyst;
