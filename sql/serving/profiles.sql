-- name: add
-- Adds what was asked since the last time, as counts.
SELECT scoring.add_online(:job, :day, :model, :columns, :bins, :labels, :counts, :broken, :rules, :rows)
