"""What models cost and how versions compare, in one closing table: `python -m benchmarks.models`, `make bench-models`.

It has a model's own process, an environment from a lock, a forest of 500 MB in an artefact store, how often one of
two equal versions is called better and how soon a better one is found, first runs that are held without cause, and
what the sample's challenger achieves. Each part is a module of its own beside this one.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from benchmarks import again, artefacts, first_run, nights, paired, tables, workers
from pipeline.runtime import resources

Figure = tuple[str, str]


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        rows: that are scored in this process and in a worker.
        rounds: how often.
        megabytes: of the forest.
        years: drawn from each table.
    """

    rows: int
    rounds: int
    megabytes: int
    years: int

    def __str__(self) -> str:
        return (
            f"{self.rows:,} rows in {self.rounds} rounds, a forest of {self.megabytes} MB, {self.years} years"
        )


WHOLE = Sizes(1_000_000, 3, 500, paired.YEARS)
QUICK = Sizes(100_000, 1, 50, 20)


def main() -> None:
    """Measure, and close with the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK}")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="may be repeated")
    asked = parser.parse_args()
    sizes = QUICK if asked.quick else WHOLE
    resources.limit_threads()
    figures: list[Figure] = [("measured", str(sizes))]
    for name in asked.only or PARTS:
        for figure in PARTS[name](sizes):
            print(f"{name}: {figure[0]}: {figure[1]}", file=sys.stderr, flush=True)
            figures.append(figure)
    print(table(figures))


def table(figures: Iterable[Figure]) -> str:
    """The closing table, in Markdown."""
    return "\n".join(
        ["| what | figure |", "| --- | --- |", *(f"| {what} | {figure} |" for what, figure in figures)]
    )


def _worker(sizes: Sizes) -> Iterator[Figure]:
    champion = workers.champion()
    yield from workers.start(champion)
    yield from workers.overhead(champion, sizes.rows, sizes.rounds)


def _environment(_: Sizes) -> Iterator[Figure]:
    yield from workers.environment(workers.champion())


def _artefact(sizes: Sizes) -> Iterator[Figure]:
    for step in artefacts.measure(sizes.megabytes):
        yield step.name, f"{step.seconds:.1f} s, {step.peak_mb:,.0f} MB at most"


def _versions(sizes: Sizes) -> Iterator[Figure]:
    known = tables.tables().values()
    yield from paired.summary([shares for each in known for shares in paired.shares_of(each, sizes.years)])
    yield from first_run.summary([first_run.held_of(each) for each in known])


def _challenger(_: Sizes) -> Iterator[Figure]:
    yield from again.figures(nights.flights())


PARTS: dict[str, Callable[[Sizes], Iterator[Figure]]] = {
    "worker": _worker,
    "environment": _environment,
    "artefact": _artefact,
    "versions": _versions,
    "challenger": _challenger,
}


if __name__ == "__main__":
    main()
