-- What the scores are worth to somebody who has staff to look after one flight in ten: how many of the late flights are
-- among the tenth with the highest scores, and how many would be among any tenth.
SELECT
    avg(CAST(late AS integer)) FILTER (WHERE rank <= tenth) AS late_share_of_top_tenth,
    avg(CAST(late AS integer)) AS late_share_of_all,
    count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
    avg(score) FILTER (WHERE status = 'cancelled') AS mean_score_of_cancelled
FROM (
    SELECT score, late, status, row_number() OVER (ORDER BY score DESC, entity_id) AS rank, count(*) OVER () / 10 AS tenth
    FROM scores LEFT JOIN results USING (entity_id)
) AS run
