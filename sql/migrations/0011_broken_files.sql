-- Airflow's own look at the job files enters since when one is broken, so that one which breaks again is news. A database
-- that the baseline has just made has it: nothing here fails twice.
GRANT SELECT, INSERT (job, broken_since), UPDATE (broken_since) ON scoring.watched_jobs TO scoring_writer;
