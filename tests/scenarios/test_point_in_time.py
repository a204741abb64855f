"""The page on backups: a server goes back to a point in time, and what was published after it comes from the store."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import psycopg
import pytest

from pipeline.databases import connections
from pipeline.embedded import server as embedded
from pipeline.embedded.server import Embedded
from pipeline.provisioning.migrate import migrate
from pipeline.recovery.rebuild import rebuild
from tests import pages
from tests.home import Home
from tests.pipeline.recovery.rescue import NIGHTS, Own, Rescue
from tests.pipeline.shop import open_shop

# Postgres refuses to run as root.
NOBODY = 65534


class Cluster:
    """A server of its own, which the page's commands stop, copy and start."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder, self.binaries = folder, binaries
        self.variables = {"BACKUP": str(folder / "backup"), "RESTORED": str(folder / "restored")}
        for name in ("backup", "backup/wal", "socket"):
            (folder / name).mkdir()
        if os.geteuid() == 0:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY)

    def type(self, commands: str) -> None:
        """Type commands into a shell, as the user that the server runs as."""
        user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] * (os.geteuid() == 0)
        environ = {"PATH": f"{self.binaries}:/usr/bin:/bin", "LC_ALL": "C", **self.variables}
        with (self.folder / "typed").open("w+") as typed:  # a server that was started keeps its output open
            done = subprocess.run(
                [*user, "bash", "-euc", commands],
                cwd=self.folder, env=environ, stdout=typed, stderr=typed, check=False,
            )  # fmt: skip
            typed.seek(0)
            assert done.returncode == 0, f"{commands}\n{typed.read()}"


@pytest.fixture
def cluster(server: Embedded) -> Iterator[Cluster]:
    """A server that archives, as the page says."""
    with tempfile.TemporaryDirectory(prefix="pit-") as folder:
        Path(folder).chmod(0o755)
        made = Cluster(Path(folder), server.binaries)
        made.type("initdb --pgdata=data --auth=trust --username=postgres --encoding=UTF8 --no-sync")
        configuration = pages.blocks(pages.RECOVERY, "Back up for a point in time", "ini")
        with (made.folder / "data" / "postgresql.conf").open("a") as file:
            file.write(f"{configuration}listen_addresses = ''\nunix_socket_directories = '{folder}/socket'\n")
        made.type("pg_ctl --pgdata=data --log=data/log --wait start")
        yield made
        for data in ("data", "restored"):
            if (made.folder / data / "postmaster.pid").exists():
                made.type(f"pg_ctl --pgdata={data} --mode=immediate --wait stop")
        shutil.rmtree(made.folder / "restored", ignore_errors=True)


def test_a_server_goes_back_to_a_point_in_time_and_the_store_gives_the_rest(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Own(
        cluster.folder / "socket", cluster.binaries, cluster.folder / "data", database="predictions"
    )
    embedded._prepare(running)
    owner = connections.postgres(running.connections["predictions_owner"], "predictions_owner")
    migrate(owner)
    home = Home(tmp_path / "home", running)
    shop = open_shop(home)
    home.score(shop.job, NIGHTS[0])
    cluster.variables["SERVER_OWNER"] = running.uri("postgres")
    cluster.type(pages.commands(pages.RECOVERY, "Back up for a point in time"))
    home.score(shop.job, NIGHTS[1])
    cluster.variables["UNTIL"] = str(home.sql("SELECT clock_timestamp()::text AS now")[0]["now"])
    home.score(shop.job, NIGHTS[2])
    rescue = Rescue(shop, running)
    before = rescue.seen()
    wait_for_archive(running)
    cluster.type("pg_ctl --pgdata=data --mode=immediate --wait stop && rm -r data")
    cluster.type(pages.commands(pages.RECOVERY, "Restore a point in time"))
    wait_for(running, "SELECT NOT pg_is_in_recovery()")
    assert {row["score_date"] for row in home.sql(_NIGHTS, job=shop.job)} == {NIGHTS[0], NIGHTS[1]}
    [item] = rebuild(owner, home.store, shop.job).runs
    assert item.score_date == NIGHTS[2]
    assert rescue.seen() == before


def wait_for_archive(server: Embedded) -> None:
    """Wait until the WAL of the last night has been archived."""
    with psycopg.connect(server.uri("postgres"), autocommit=True) as session:
        row = session.execute("SELECT pg_walfile_name(pg_current_wal_lsn()), pg_switch_wal()").fetchone()
    assert row
    wait_for(server, f"SELECT last_archived_wal >= '{row[0]}' FROM pg_stat_archiver")


def wait_for(server: Embedded, query: str) -> None:
    """Wait until a query says that it is so."""
    deadline = monotonic() + 60
    while True:
        with psycopg.connect(server.uri("postgres"), autocommit=True) as session:
            if session.execute(query).fetchone() == (True,):
                return
        assert monotonic() < deadline, query


_NIGHTS = "SELECT DISTINCT score_date FROM scoring.predictions WHERE job = :job"
