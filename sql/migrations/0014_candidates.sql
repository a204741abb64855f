-- An alarm that had a candidate trained says so. A database that the baseline has just made has it: nothing here fails twice.
COMMENT ON COLUMN scoring.quality_incidents.told IS
    'Which of `began` and `ended` people have a message of; and the DAG run that had a candidate trained for it.';
