"""The kill campaign for as long as you like: python -m tests.chaos --trials 200 --seed 1 (`make chaos N=200 SEED=1`).

Trial after trial takes the next seed; a trial that fails says which, and N=1 with that SEED plays it again.
"""

import argparse
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from pipeline.databases import connections
from pipeline.embedded import server as embedded
from pipeline.provisioning.migrate import migrate
from tests.chaos import wrong_writers
from tests.chaos.campaign import Result, campaign
from tests.chaos.report import Report, harm_by_kind
from tests.chaos.trials import deck, trial, wrong_deck
from tests.chaos.tries import Children


def main() -> None:
    """Run the campaign on a Postgres of its own; exits with 1 on any harm, or when a wrong writer slips through."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with ExitStack() as held:
        folder = held.enter_context(tempfile.TemporaryDirectory(prefix="scoring-chaos-"))
        server = embedded.start(Path(folder))
        held.callback(embedded.stop, Path(folder))
        migrate(connections.postgres(server.connections["predictions_owner"], "predictions_owner"))
        began, done = time.monotonic(), 0

        def told(result: Result) -> None:
            nonlocal done
            done += 1
            if not result.good:
                print(f"FAILED {result}", flush=True)
            if done % 20 == 0:
                print(f"{done} trials, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)

        children = held.enter_context(Children())
        with campaign(server, children, lanes=min(asked.trials, os.cpu_count() or 1)) as real:
            cards = deck(real.census)
            seeds = range(asked.seed, asked.seed + asked.trials)
            results = real.run([trial(cards, seed) for seed in seeds], told)
        wrong = {}
        for name in wrong_writers.WRITERS:
            with campaign(server, children, lanes=1, writer=name) as one:
                cards = wrong_deck(one.census)
                wrong[name] = harm_by_kind(one.run([trial(cards, seed) for seed in range(len(cards))]))
    report = Report(results, wrong)
    print(report.table(), report.counts(), report.last_line(), sep="\n")
    sys.exit(not report.passed)


if __name__ == "__main__":
    main()
