-- What became of the flights of the score date: did each arrive more than 30 minutes late?
--
-- A flight that was cancelled or diverted never arrived where it was sold to, so it was neither late nor on time:
-- `late` is NULL, such flights are no part of training or of any figure, and `status` counts them on their own.
-- They are scored all the same, since at 02:00 nobody knows which they will be.
SELECT
    flight_id AS entity_id,
    arr_delay > 30 AS late,
    CASE WHEN arr_delay IS NOT NULL THEN 'arrived' WHEN dep_time IS NULL THEN 'cancelled' ELSE 'diverted' END AS status
FROM warehouse.flights
WHERE flight_date = CAST(:score_date AS date)
ORDER BY entity_id
