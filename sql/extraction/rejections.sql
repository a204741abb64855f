-- name: place
-- Where a part begins among the rows of its shard, and how many rows it has.
SELECT coalesce(sum(rows_extracted) FILTER (WHERE part < $2), 0)::bigint AS first,
       coalesce(sum(rows_extracted) FILTER (WHERE part = $2), 0)::bigint AS rows
FROM scoring.run_parts WHERE run_id = $1 AND part <= $2 AND part % $3 = $2 % $3

-- name: numbers
-- The rows of a part that the contract rejected, by their numbers.
SELECT DISTINCT row_number FROM scoring.rejected_rows WHERE run_id = $1 AND part = $2
