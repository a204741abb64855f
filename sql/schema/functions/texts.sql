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

-- As a list: which letters there are, a database's locale says, and some know ASCII's alone. Exact below U+0700. Above it
-- a few marks and signs between two letters of a script count as letters. Hangul's fillers, which nobody sees, do not.
CREATE FUNCTION scoring.is_visible(content text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(content, '') ~ (
        '[0-9A-Za-z\u00aa\u00b2\u00b3\u00b5\u00b9\u00ba\u00bc-\u00be\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02c1'
        '\u02c6-\u02d1\u02e0-\u02e4\u02ec\u02ee\u0370-\u0374\u0376-\u037d\u037f\u0386\u0388-\u03f5\u03f7-\u0481'
        '\u048a-\u0559\u0560-\u0588\u05d0-\u05f2\u0620-\u064a\u0660-\u0669\u066e\u066f\u0671-\u06d3\u06d5'
        '\u06e5\u06e6\u06ee-\u06fc\u06ff-\u072f\u074d-\u0828\u0840-\u08c9\u0904-\u093d\u0950-\u0f00\u0f20-\u0f6c'
        '\u0f88-\u0f8c\u1000-\u102a\u103f-\u115e\u1161-\u17b3\u17d7-\u191e\u1946-\u19da\u1a00-\u1a54\u1a80-\u1aa7'
        '\u1b05-\u1b33\u1b45-\u1b59\u1b83-\u1be5\u1c00-\u1c23\u1c40-\u1cbf\u1ce9-\u1dbf\u1e00-\u1ffc\u2070-\u209c'
        '\u2102-\u2189\u2460-\u249b\u24ea-\u24ff\u2776-\u2793\u2c00-\u2dde\u2e2f\u3005-\u3007\u3021-\u3163'
        '\u3165-\u31bf\u31f0-\u31ff\u3220-\u3229\u3248-\u325f\u3280-\u3289\u32b1-\u32bf\u3400-\u4dbf\u4e00-\ua48c'
        '\ua4d0-\ua6ef\ua717-\ua8b3\ua8d0-\ua8d9\ua8f2-\ua9b2\ua9cf-\ud7fb\uf900-\ufbb1\ufbd3-\ufd3d\ufd50-\ufdfb'
        '\ufe70-\uff9f\uffa1-\uffdc\U00010000-\U00010178\U0001018a\U0001018b\U00010280-\U00011037'
        '\U00011052-\U000110af\U000110d0-\U0001122b\U00011280-\U00011434\U00011447-\U000114af\U000114c4-\U000115ae'
        '\U000115d8-\U0001162f\U00011644-\U00011a89\U00011a9d-\U00011c8f\U00011d00-\U00011fd4\U00012000-\U0001342e'
        '\U00014400-\U00016f50\U00016f93-\U0001bc99\U0001d2e0-\U0001d2f3\U0001d360-\U0001d7ff\U0001df00-\U0001df1e'
        '\U0001e100-\U0001e2f9\U0001e7e0-\U0001e959\U0001ec71-\U0001eebb\U0001f100-\U0001f10c\U0001fbf0-\U0003134a]')
$$;
COMMENT ON FUNCTION scoring.is_visible IS 'Whether a text has a letter or a digit, of any script.';
