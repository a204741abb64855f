"""An analyst who looks at one night fifty times a second, in one statement, and writes down what changes.

    python -m tests.chaos.readers URI

A process of its own: a line `RELATION JOB DATE` on its standard input makes it watch another night. It answers each
with a line of JSON: what it has seen of the night before.
"""

import json
import select
import subprocess
import sys
from dataclasses import astuple, dataclass, replace
from types import TracebackType
from typing import Self

import psycopg

from tests.chaos.tries import ROOT

# Shorter, and readers take half of the processors from the trials that they watch.
PAUSE_SECONDS = 0.02

# Bit for bit: the digest is of the scores' own bytes.
LOOK = """
SELECT count(*), count(DISTINCT entity_id), count(DISTINCT run_id), max(run_id),
       md5(string_agg(entity_id || ' ' || encode(float8send(score), 'hex') || ' ' || coalesce(label, ''), ','
                      ORDER BY entity_id, score))
FROM {relation} WHERE job = %s AND score_date = %s
"""


@dataclass(frozen=True)
class Sight:
    """What one look saw, and how many looks in a row saw the same."""

    rows: int
    entities: int
    runs: int
    run_id: int | None
    digest: str | None
    reads: int = 1


class Reader:
    """The process that looks, from the campaign's side."""

    def __init__(self, uri: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.readers", uri],
            cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def watch(self, relation: str, job: str, day: str) -> list[Sight]:
        """Watch this night from now on; returns what was seen until now, in order."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{relation} {job} {day}\n")
        self._process.stdin.flush()
        return [Sight(*seen) for seen in json.loads(self._process.stdout.readline())]


def look(session: psycopg.Connection, relation: str, job: str, day: str) -> Sight:
    """Look once, in one statement."""
    row = session.execute(LOOK.format(relation=relation).encode(), (job, day)).fetchone()
    assert row is not None
    return Sight(*row)


def main() -> None:
    """Look until the standard input ends."""
    (uri,) = sys.argv[1:]
    with psycopg.connect(uri, autocommit=True) as session:
        watched: tuple[str, str, str] | None = None
        seen: list[Sight] = []
        while True:
            if select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
                line = sys.stdin.readline()
                if not line:
                    return
                print(json.dumps([astuple(sight) for sight in seen]), flush=True)
                relation, job, day = line.split()
                watched, seen = (relation, job, day), []
            if watched is not None:
                state = look(session, *watched)
                if seen and replace(seen[-1], reads=1) == state:
                    seen[-1] = replace(state, reads=seen[-1].reads + 1)
                else:
                    seen.append(state)


if __name__ == "__main__":
    main()
