-- Which rows an analyst sees of the tables that analysts read themselves: those of the jobs that were granted by name,
-- or of every job. Asked once a query. A role that is no analyst at all reads what it was granted, as the pipeline's
-- does. RESTRICTIVE, beside a policy that lets all pass: what another role may do with a table is for its grants to say.

ALTER TABLE scoring.scoring_runs ENABLE ROW LEVEL SECURITY;
CREATE POLICY granted ON scoring.scoring_runs USING (true);
CREATE POLICY my_jobs ON scoring.scoring_runs AS RESTRICTIVE FOR SELECT TO scoring_job_analyst USING (
    (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
    OR job IN (SELECT mine.job FROM scoring.my_jobs AS mine));

ALTER TABLE scoring.current_runs ENABLE ROW LEVEL SECURITY;
CREATE POLICY granted ON scoring.current_runs USING (true);
CREATE POLICY my_jobs ON scoring.current_runs AS RESTRICTIVE FOR SELECT TO scoring_job_analyst USING (
    (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
    OR job IN (SELECT mine.job FROM scoring.my_jobs AS mine));

ALTER TABLE scoring.publications ENABLE ROW LEVEL SECURITY;
CREATE POLICY granted ON scoring.publications USING (true);
CREATE POLICY my_jobs ON scoring.publications AS RESTRICTIVE FOR SELECT TO scoring_job_analyst USING (
    (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
    OR job IN (SELECT mine.job FROM scoring.my_jobs AS mine));

ALTER TABLE scoring.run_parts ENABLE ROW LEVEL SECURITY;
CREATE POLICY granted ON scoring.run_parts USING (true);
CREATE POLICY my_jobs ON scoring.run_parts AS RESTRICTIVE FOR SELECT TO scoring_job_analyst USING (
    (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
    OR run_id IN (SELECT mine.run_id FROM scoring.scoring_runs AS mine));

ALTER TABLE scoring.run_metrics ENABLE ROW LEVEL SECURITY;
CREATE POLICY granted ON scoring.run_metrics USING (true);
CREATE POLICY my_jobs ON scoring.run_metrics AS RESTRICTIVE FOR SELECT TO scoring_job_analyst USING (
    (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
    OR run_id IN (SELECT mine.run_id FROM scoring.scoring_runs AS mine));

ALTER TABLE scoring.feature_metrics ENABLE ROW LEVEL SECURITY;
CREATE POLICY granted ON scoring.feature_metrics USING (true);
CREATE POLICY my_jobs ON scoring.feature_metrics AS RESTRICTIVE FOR SELECT TO scoring_job_analyst USING (
    (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
    OR run_id IN (SELECT mine.run_id FROM scoring.scoring_runs AS mine));

ALTER TABLE scoring.profiles ENABLE ROW LEVEL SECURITY;
CREATE POLICY granted ON scoring.profiles USING (true);
CREATE POLICY my_jobs ON scoring.profiles AS RESTRICTIVE FOR SELECT TO scoring_job_analyst USING (
    (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
    OR run_id IN (SELECT mine.run_id FROM scoring.scoring_runs AS mine));

ALTER TABLE scoring.outcome_metrics ENABLE ROW LEVEL SECURITY;
CREATE POLICY granted ON scoring.outcome_metrics USING (true);
CREATE POLICY my_jobs ON scoring.outcome_metrics AS RESTRICTIVE FOR SELECT TO scoring_job_analyst USING (
    (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
    OR run_id IN (SELECT mine.run_id FROM scoring.scoring_runs AS mine));

-- Each is one entity's score, to the last digit. Hidden of published runs, too, whose scores can be read anyway: the
-- look whether a run is published would say in EXPLAIN, by not taking place, on which side of a number the value is.
CREATE POLICY no_single_score ON scoring.run_metrics AS RESTRICTIVE FOR SELECT TO scoring_job_analyst
USING (metric NOT IN ('score_min', 'score_max'));

-- What EXPLAIN tells of all rows, whoever may see them.
SELECT scoring.keep_no_values(oid) FROM pg_class
WHERE relnamespace = 'scoring'::regnamespace AND relkind IN ('r', 'p') AND relname <> 'alembic_version';
