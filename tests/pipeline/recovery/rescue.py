"""A shop with a database of its own, which may be lost and made again."""

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg

from pipeline.databases import connections
from pipeline.embedded.server import Embedded
from pipeline.maintenance import retention, retention_days
from pipeline.maintenance.erasure import erase
from pipeline.recovery.rebuild import Rebuilt, rebuild
from pipeline.runs import receipts
from pipeline.runs.decisions import decide, roll_back
from pipeline.tasks.fallback import serve
from tests import pages
from tests.home import NIGHT
from tests.pipeline.shop import Shop

ROOT = Path(__file__).resolve().parents[3]
NIGHTS = [NIGHT + timedelta(days=number) for number in range(4)]
_RUNS = "SELECT run_id FROM scoring.scoring_runs WHERE job = :job AND published_at IS NOT NULL"
SEEN = {
    "predictions": "SELECT to_jsonb(p)::text FROM scoring.predictions AS p WHERE job = :job ORDER BY 1",
    "past": "SELECT to_jsonb(p)::text FROM scoring.past_predictions AS p WHERE job = :job ORDER BY 1",
    "publications": "SELECT to_jsonb(p)::text FROM scoring.publications AS p WHERE job = :job ORDER BY 1",
    "current_runs": "SELECT to_jsonb(p)::text FROM scoring.current_runs AS p WHERE job = :job ORDER BY 1",
    "scoring_runs": f"SELECT to_jsonb(p)::text FROM scoring.scoring_runs AS p WHERE run_id IN ({_RUNS}) ORDER BY 1",
    **{
        table: f"SELECT to_jsonb(p)::text FROM scoring.{table} AS p WHERE run_id IN ({_RUNS}) ORDER BY 1"
        for table in (
            "run_parts",
            "rejected_rows",
            "rejections",
            "run_metrics",
            "feature_metrics",
            "profiles",
        )
    },
    "erasures": "SELECT to_jsonb(p)::text FROM scoring.erasures AS p WHERE job = :job ORDER BY 1",
}


@dataclass(frozen=True)
class Own(Embedded):
    """The session's server, with a predictions database that may be lost."""

    database: str = ""

    def uri(self, database: str, role: str = "postgres") -> str:
        """As the server has it, but for the predictions."""
        return super().uri(self.database if database == "predictions" else database, role)


class Rescue:
    """A shop with a database of its own."""

    def __init__(self, shop: Shop, server: Own) -> None:
        self.shop, self.home, self.job, self.server = shop, shop.home, shop.job, server
        self.owner = connections.postgres(server.connections["predictions_owner"], "predictions_owner")

    def lose(self, template: str = "template1") -> None:
        """Drop the database, and make one in its place: an empty one, unless told otherwise."""
        drop(self.server)
        create(self.server, template)

    def begin_anew(self) -> None:
        """Drop the database, and make a migrated one in its place."""
        self.lose(f"{self.server.database}_template")
        self.home.sql("UPDATE scoring.identity SET database_id = gen_random_uuid(), secret = DEFAULT")

    def back_up(self) -> None:
        """What the page says of a backup, without what it says beside."""
        self._binary("pg_dump", "--format=custom", "--file=predictions.dump")

    def restore(self) -> None:
        """Lose the database and restore its backup, as the page says."""
        self.lose()
        self._binary("pg_restore", "--exit-on-error", "--single-transaction", "predictions.dump")

    def _binary(self, program: str, *arguments: str) -> None:
        owner = f"--dbname={self.server.connections['predictions_owner']}"
        command = [str(self.server.binaries / program), owner, *arguments]
        subprocess.run(command, cwd=self.home.path, check=True, capture_output=True)

    def page(self, heading: str) -> str:
        """Type the commands of a section of the recovery page into a shell."""
        commands = (
            f'scoring() {{ "{sys.executable}" -m pipeline "$@"; }}\n{pages.commands(pages.RECOVERY, heading)}'
        )
        path = f"{self.server.binaries}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        environ = {**os.environ, **self.home.environment, "PYTHONPATH": str(ROOT), "PATH": path}
        done = subprocess.run(
            ["bash", "-euc", commands],
            cwd=self.home.path, env=environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
        return done.stdout

    def rebuild(self, **options: Any) -> Rebuilt:
        """Rebuild the job in this process."""
        return rebuild(self.owner, self.home.store, self.job, **options)

    def seen(self) -> dict[str, list[dict[str, Any]]]:
        """All that there is of the job's published runs, in the database's own words."""
        return {name: self.home.sql(query, job=self.job) for name, query in SEEN.items()}


def create(server: Own, template: str = "template1") -> None:
    """Make the server's predictions database."""
    with psycopg.connect(server.uri("postgres"), autocommit=True) as session:
        # Nobody may be connected to what is copied, and this process has kept a connection.
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (template,)
        )
        session.execute(f"CREATE DATABASE {server.database} OWNER scoring_owner TEMPLATE {template}")


def drop(server: Own) -> None:
    """Drop it, whoever uses it."""
    with psycopg.connect(server.uri("postgres"), autocommit=True) as session:
        session.execute(f"DROP DATABASE {server.database} WITH (FORCE)")


def live(rescue: Rescue) -> None:
    """All that may happen to nights: a second run, a rollback, an approval, a fallback."""
    shop, home, uri = rescue.shop, rescue.home, rescue.home.workspace.predictions
    home.score(rescue.job, NIGHTS[1])
    shop.change("visits = visits + 1")
    home.score(rescue.job, NIGHTS[1])
    approver = home.server.connections["predictions_approver"]
    roll_back(approver, rescue.job, NIGHTS[1], by="ada", reason="wrong prices")
    receipts.follow(uri, home.store, rescue.job)
    decide(approver, shop.hold(NIGHTS[2]), approve=True, by="ada", reason="a quiet day")
    shop.configure("retries = 0", 'retries = 0\nfallback = "last_published"')
    serve(home.workspace, home.read(rescue.job), NIGHTS[3], trigger="the night", reason="it failed")


def prune(rescue: Rescue, **options: Any) -> retention.Pruned:
    """Prune the job, as the janitor, by the days that the owner has entered."""
    retention_days.enter(rescue.owner, [rescue.home.read(rescue.job)])
    address = rescue.server.connections.__getitem__
    return retention.prune(address, rescue.home.store, [rescue.home.read(rescue.job)], **options)


def forget(rescue: Rescue, entity: str = "customer-00002") -> None:
    """Erase somebody."""
    uri = rescue.server.connections["predictions_janitor"]
    erase(uri, rescue.home.store, rescue.job, entity, by="ada", reason="ticket 2041")


def files_of(store: str) -> set[str]:
    """Every file of a store, below it."""
    return {str(path.relative_to(store)) for path in Path(store).rglob("*") if path.is_file()}
