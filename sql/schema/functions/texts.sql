-- Functions of texts alone, which tables and other functions use.

CREATE FUNCTION scoring.netstrings(VARIADIC fields text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(coalesce(octet_length(convert_to(field, 'UTF8')) || ':' || field, '-'), ',' ORDER BY place)
    FROM unnest(fields) WITH ORDINALITY AS listed (field, place)
$$;
COMMENT ON FUNCTION scoring.netstrings IS
    'Texts as one that no other texts give: each with its length in bytes before it, a dash for null.';

CREATE FUNCTION scoring.sha256_of(content text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(sha256(convert_to(content, 'UTF8')), 'hex')
$$;
COMMENT ON FUNCTION scoring.sha256_of IS 'SHA-256 of a text, in hexadecimal digits.';

-- As a list of what cannot be seen: which letters there are, a database's locale says, and some know ASCII's alone.
CREATE FUNCTION scoring.is_visible(content text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(content, '') ~ ('[^[:space:][:cntrl:]\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5'
        '\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff'
        '\U000e0000-\U000e0fff]')
$$;
COMMENT ON FUNCTION scoring.is_visible IS 'Whether a text has any character that a reader sees.';
