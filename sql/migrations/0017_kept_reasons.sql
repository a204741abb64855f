-- While a run is explained again, what stands of the try before.
ALTER TABLE scoring.explanations ADD COLUMN IF NOT EXISTS earlier jsonb;
ALTER TABLE scoring.explanations ALTER earlier SET STATISTICS 0;
COMMENT ON COLUMN scoring.explanations.status IS
    '`running`, `explained`, `failed`, or `incomplete` where some entities have no reasons, or those of the try before.';
COMMENT ON COLUMN scoring.explanations.settings IS
    'What the job file said: top, orders and groups; and the least score, or the run before, that its rows came to.';
COMMENT ON COLUMN scoring.explanations.earlier IS
    'While it runs: how the try before explained the run, whose reasons stay unless this one has more.';
