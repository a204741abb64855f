-- The flights scheduled to leave New York on the score date, with what is known of each at 02:00 that morning.
--
-- Known at 02:00: the schedule, the last whole hour of weather at the origin, and which flights of the 28 days before
-- had left by then, and how late. Not known: any departure, arrival or weather after 02:00. The plane is the one that
-- flew in the end, which the sample has for want of the plan; the model card says what that is worth.
WITH cutoff AS (
    SELECT (CAST(:score_date AS date) + TIME '02:00') AT TIME ZONE 'America/New_York' AS at
),
history AS MATERIALIZED (
    -- A flight that had not left by 02:00 was cancelled or is still waiting: its delay is not known, and counts as such.
    SELECT
        flight_date, carrier, flight, origin, sched_dep_time / 100 AS hour,
        CASE WHEN departed_at < cutoff.at THEN CAST(least(dep_delay, 180) AS double precision) END AS delay
    FROM warehouse.flights CROSS JOIN cutoff
    WHERE flight_date BETWEEN CAST(:score_date AS date) - 28 AND CAST(:score_date AS date) - 1
),
origin_yesterday AS (
    SELECT
        origin, avg(delay) AS delay,
        CAST(count(*) FILTER (WHERE delay IS NULL) AS double precision) / count(*) AS not_left
    FROM history WHERE flight_date = CAST(:score_date AS date) - 1 GROUP BY origin
),
carrier_yesterday AS (
    SELECT carrier, origin, avg(delay) AS delay
    FROM history WHERE flight_date = CAST(:score_date AS date) - 1 GROUP BY carrier, origin
),
carrier_month AS (
    SELECT carrier, origin, CAST(count(*) FILTER (WHERE delay > 15) AS double precision) / count(*) AS late_share
    FROM history GROUP BY carrier, origin
),
flight_month AS (
    SELECT
        carrier, flight, origin, avg(delay) AS delay,
        CAST(count(*) FILTER (WHERE delay > 15) AS double precision) / count(*) AS late_share
    FROM history GROUP BY carrier, flight, origin
),
hour_month AS (
    SELECT origin, hour, CAST(count(*) FILTER (WHERE delay > 15) AS double precision) / count(*) AS late_share
    FROM history GROUP BY origin, hour
),
weather AS (
    -- An observation stands for an hour, and is complete when the hour is over. Older than six hours, it says nothing.
    SELECT DISTINCT ON (origin) origin, temp, humid, pressure, wind_speed, precip, visib
    FROM warehouse.weather CROSS JOIN cutoff
    WHERE observed_at + INTERVAL '1 hour' BETWEEN cutoff.at - INTERVAL '6 hours' AND cutoff.at
    ORDER BY origin, observed_at DESC
),
tonight AS (
    SELECT *, sched_dep_time / 100 AS hour FROM warehouse.flights WHERE flight_date = CAST(:score_date AS date)
)
SELECT
    tonight.flight_id AS entity_id,
    tonight.carrier,
    tonight.origin,
    tonight.dest,
    CAST(extract(isodow FROM tonight.flight_date) AS integer) AS weekday,
    sched_dep_time / 100 * 60 + sched_dep_time % 100 AS minute_of_day,
    tonight.distance,
    CAST(extract(epoch FROM due_at - scheduled_at) / 60 AS integer) AS planned_minutes,
    CAST(count(*) OVER (PARTITION BY tonight.origin, tonight.hour) AS integer) AS departures_that_hour,
    planes.year AS plane_year,
    planes.seats,
    weather.temp,
    weather.humid,
    weather.pressure,
    weather.wind_speed,
    weather.precip,
    weather.visib,
    origin_yesterday.delay AS origin_delay_yesterday,
    origin_yesterday.not_left AS origin_not_left_yesterday,
    carrier_yesterday.delay AS carrier_delay_yesterday,
    carrier_month.late_share AS carrier_late_share_28d,
    flight_month.delay AS flight_delay_28d,
    flight_month.late_share AS flight_late_share_28d,
    hour_month.late_share AS hour_late_share_28d
FROM tonight
LEFT JOIN warehouse.planes USING (tailnum)
LEFT JOIN weather ON weather.origin = tonight.origin
LEFT JOIN origin_yesterday ON origin_yesterday.origin = tonight.origin
LEFT JOIN carrier_yesterday
    ON carrier_yesterday.carrier = tonight.carrier AND carrier_yesterday.origin = tonight.origin
LEFT JOIN carrier_month ON carrier_month.carrier = tonight.carrier AND carrier_month.origin = tonight.origin
LEFT JOIN flight_month
    ON flight_month.carrier = tonight.carrier AND flight_month.flight = tonight.flight
    AND flight_month.origin = tonight.origin
LEFT JOIN hour_month ON hour_month.origin = tonight.origin AND hour_month.hour = tonight.hour
ORDER BY entity_id
