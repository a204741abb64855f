"""Connections: an Airflow URI becomes the database URL that the drivers take.

Errors name the connection and never show its URI, which may hold a password.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

import sqlalchemy as sa

from pipeline.errors import UsageError

POSTGRES = ("postgres", "postgresql")
# libpq would wait two minutes for a host that does not answer, and for ever for one that is gone once it was connected
# to. With these a new connection has 10 s, and a silent one is asked for a sign of life after 30 s and given up after
# 60 s without one, also where what was sent to it is not acknowledged (milliseconds). A busy server's own machine
# answers for it, so that a slow query is never cut off. What a connection's URI says goes first.
TIMEOUTS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
# Databases that are one file, read where it lies.
FILES = ("sqlite", "duckdb")
# Every database URL that was made here -> what it leads to.
_DATABASES: dict[str, list[str]] = {}


class AddressError(UsageError):
    """A connection that is not there, or leads to no database that is supported."""


def postgres(uri: str, name: str) -> str:
    """Turn a connection's URI, in Airflow's form or libpq's, into the form that ADBC and SQLAlchemy share.

    A server that has vanished is given up after a minute (`TIMEOUTS`), unless the URI says otherwise.

    Args:
        uri: for example `postgres://user:password@host:5432/database?sslmode=require`.
        name: the connection id, for the error message.

    Raises:
        AddressError: the URI is not one of a Postgres server.
    """
    return _labelled(_postgres(uri, name), "the predictions database", name)


def _postgres(uri: str, name: str) -> str:
    parts = _split(uri, name)
    if parts.scheme not in POSTGRES:
        raise AddressError(
            f"connection {name!r}: its type is {parts.scheme or 'missing'!r}, and only postgres is supported. "
            f"{_remedy(name)}"
        )
    return f"postgresql://{_login(parts)}{parts.path}{_options(parts, name, TIMEOUTS)}"


def warehouse(uri: str, name: str) -> str:
    """Turn a warehouse connection's URI into a database URL that `warehouse.stream` takes.

    Args:
        uri: a Postgres server's; `sqlite:////folder/file.db`; `duckdb:////folder/file.duckdb`; or that of any database
            for which a SQLAlchemy dialect is installed, as `mysql+pymysql://user:password@host/database`.
        name: the connection id, for the error message.

    Raises:
        AddressError: the URI leads to no such database, or to a file that is not there.
    """
    return _labelled(_warehouse(uri, name), "the warehouse", name)


def _warehouse(uri: str, name: str) -> str:
    parts = _split(uri, name)
    if not parts.scheme:
        raise AddressError(f"connection {name!r}: not a URL. {_remedy(name)}")
    if parts.scheme in POSTGRES:
        return _postgres(uri, name)
    if parts.scheme in FILES:
        return f"{parts.scheme}:///{_file(parts, name)}"
    if parts.scheme.startswith("sqlite+") and not parts.netloc:
        database_url = _read_only(parts, name)
    else:
        # Airflow encodes the path's slashes, which SQLAlchemy takes as they are.
        database_url = f"{parts.scheme}://{_login(parts)}{unquote(parts.path)}{_options(parts, name)}"
    try:
        sa.make_url(database_url).get_dialect().import_dbapi()
    except (sa.exc.ArgumentError, ImportError) as error:  # an unknown dialect, a driver that is not installed
        raise AddressError(
            f"connection {name!r}: no driver for {parts.scheme!r} is installed: "
            f"{type(error).__name__}. Add one to requirements.in, as pymysql for mysql+pymysql, and `make lock`. "
            f"{_remedy(name)}"
        ) from None
    return database_url


def database(database_url: str) -> str:
    """Which database a URL leads to, and which connection says so; empty for one that was not made here."""
    return " or ".join(_DATABASES.get(database_url, ()))


def _labelled(database_url: str, database: str, name: str) -> str:
    connection = name if name.isupper() else f"connection {name!r}, {_variable(name)}"
    names = _DATABASES.setdefault(database_url, [])
    if (label := f"{database} ({connection})") not in names:
        names.append(label)
    return database_url


def missing(name: str) -> AddressError:
    """The error of a connection that is not set."""
    return AddressError(f"no connection {name!r}. {_remedy(name)}")


def _split(uri: str, name: str) -> SplitResult:
    try:
        parts = urlsplit(uri)
        _ = parts.port  # raises where it is no number
        # Half a password, whose other half was taken for a port, would come back in the driver's error; so would one
        # with a NUL.
        cut = parts.netloc and "@" in parts.path + parts.query + parts.fragment
        if cut or "%00" in uri:
            raise ValueError
    except ValueError:
        # Its text would show a part of the URI.
        raise AddressError(
            f"connection {name!r}: not a well-formed URI; percent-encode the special characters of user and password. "
            f"{_remedy(name)}"
        ) from None
    return parts


def _login(parts: SplitResult) -> str:
    number = f":{parts.port}" if parts.port else ""
    login, at, host = parts.netloc.rpartition("@")
    # Encoded afresh: libpq shows a password that is not well encoded in its error.
    user = ":".join(quote(unquote(part), safe="") for part in login.split(":", 1))
    return f"{user}{at}{host.removesuffix(':').removesuffix(number)}{number}"


def _options(parts: SplitResult, name: str, usual: Mapping[str, str] | None = None) -> str:
    query = {**(usual or {}), **dict(parse_qsl(parts.query))}
    query.update(_extras(query.pop("__extra__", "{}"), name))
    # libpq takes %20 for a space, and no plus sign.
    options = urlencode(query, quote_via=quote)
    return f"?{options}" if options else ""


def _extras(folded: str, name: str) -> dict[str, str]:
    """A connection's extras, which Airflow folds into one JSON value when they do not fit a query string."""
    try:
        return {key: str(value) for key, value in json.loads(folded).items()}
    except (ValueError, AttributeError):
        raise AddressError(f"connection {name!r}: its extras are no JSON object. {_remedy(name)}") from None


def _file(parts: SplitResult, name: str) -> Path:
    # Airflow writes /%2Ffolder%2Ffile.db, people //folder/file.db.
    path = Path("/" + unquote(parts.path).lstrip("/"))
    if parts.netloc or not unquote(parts.path).startswith("//"):
        raise AddressError(
            f"connection {name!r}: its path is not absolute. Set AIRFLOW_CONN_{name.upper()}={parts.scheme}:////folder/file"
        )
    if not path.is_file():
        raise AddressError(
            f"connection {name!r}: there is no file {path}. Put the database there, or correct "
            f"AIRFLOW_CONN_{name.upper()}={parts.scheme}:////folder/file"
        )
    return path


def _read_only(parts: SplitResult, name: str) -> str:
    """The URL of a SQLite file for a driver of SQLAlchemy's, which would else make a file that is not there."""
    # Whoever knows SQLAlchemy may have written it as SQLite's own URI: /file:/folder/file.db
    file = _file(parts._replace(path=parts.path.replace("/file:", "/", 1)), name)
    options = _options(parts._replace(query=f"{parts.query}&mode=ro&uri=true"), name)
    # Quoted for SQLite, and once more for SQLAlchemy.
    return f"{parts.scheme}:///file:{quote(quote(str(file)))}{options}"


def _remedy(name: str) -> str:
    return f"Set {_variable(name)}=postgres://user:password@host:5432/database"


def _variable(name: str) -> str:
    # The web server's variable is no connection of Airflow's.
    return name if name.isupper() else f"AIRFLOW_CONN_{name.upper()}"
