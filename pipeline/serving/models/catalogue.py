"""Which jobs are served, each by the version that its alias is pinned to; a new pin is picked up as a run would.

A version is opened as a run opens it: digest, signature, library versions and golden rows, in a process of its own.
Only then it answers; what began with the version before ends with it.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.config import loader
from pipeline.config.job import Job
from pipeline.contract.contract import Contract
from pipeline.contract.policy import Policy
from pipeline.errors import ScoringError
from pipeline.model import registry
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import Manifest, PinnedVersion
from pipeline.serving import metrics
from pipeline.serving.models.gathering import Gatherer
from pipeline.serving.requests.limits import Limits

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Served:
    """A job as it is served now.

    Attributes:
        job: its file.
        pinned: the version that answers.
        policy: what becomes of rows that break its contract.
        model: asks it.
    """

    job: Job
    pinned: PinnedVersion
    policy: Policy
    model: Gatherer

    @property
    def manifest(self) -> Manifest:
        """What is known of the version."""
        return self.pinned.manifest

    @property
    def contract(self) -> Contract:
        """The columns that it takes."""
        return self.manifest.contract


class Catalogue:
    """The jobs of a home that are served, or those of them that were named."""

    def __init__(
        self,
        home: Path,
        limits: Limits,
        names: Sequence[str] = (),
        load: Callable[[PinnedVersion], Model] = registry.load,
    ) -> None:
        """Begin with none.

        Args:
            home: the folder that holds dags/, sql/ and models/.
            limits: what is taken.
            names: the jobs; every one where none is named.
            load: opens a version.
        """
        self._home, self._limits, self._names, self._load = home, limits, frozenset(names), load
        self._seen: tuple[tuple[str, int, int], ...] | None = None
        self.jobs: dict[str, Served] = {}
        self.problems: dict[str, str] = {}
        self.looked = False

    @property
    def ready(self) -> bool:
        """Whether every job that should be served is: each by a version that has scored its golden rows."""
        return self.looked and not self.problems.keys() - self.jobs.keys()

    def refresh(self) -> None:
        """Look at job files and pins; open what is new, beside what is served meanwhile.

        Nothing is read again where no file has changed since, unless something could not be opened.
        """
        seen = self._state()
        if seen == self._seen and not self.problems:
            return
        jobs, problems = {}, {}
        usable, broken = loader.read_all(self._home / "dags")
        for error in broken:
            name = str(error).partition(".toml")[0]
            if self._wanted(name):
                problems[name] = str(error)
        for job in filter(lambda job: self._wanted(job.name), usable):
            try:
                jobs[job.name] = self._served(job)
            except (ScoringError, MemoryError, OSError) as error:
                problems[job.name] = f"{type(error).__name__}: {error}"
        for name in problems.keys() & self.jobs.keys():
            jobs[name] = self.jobs[name]  # what was served goes on
        for name in self._names - jobs.keys() - problems.keys():
            problems[name] = f"There is no job {name!r} in {self._home / 'dags'}."
        self._enter(jobs, problems)
        self._seen = seen

    def _enter(self, jobs: dict[str, Served], problems: dict[str, str]) -> None:
        for name, problem in problems.items():
            if self.problems.get(name) != problem:
                log.error("%s: %s", name, problem)
        for name, served in jobs.items():
            metrics.MODEL.labels(name).set(served.manifest.version)
        metrics.PROBLEMS.set(len(problems))
        # Each at once: whoever asks meanwhile sees all of before or all of now.
        self.jobs, self.problems, self.looked = jobs, problems, True

    def _served(self, job: Job) -> Served:
        """A job by its pin of now; with the model that is open already, where that is the one."""
        pinned = registry.resolve(self._home, job.model.name, job.model.alias)
        policy = Policy.of(job, pinned.manifest.contract, pinned.manifest.label)
        now = self.jobs.get(job.name)
        if now and now.pinned == pinned:
            return now if now.job == job else Served(job, pinned, policy, now.model)
        opened = self._load(pinned)
        metrics.OPENED.labels(job.name).inc()
        log.info("%s: model %s is open, its golden rows are scored", job.name, pinned.manifest.label)
        return Served(
            job, pinned, policy, Gatherer(job.name, opened, partial(self._load, pinned), self._limits)
        )

    def _wanted(self, name: str) -> bool:
        return not self._names or name in self._names

    def _state(self) -> tuple[tuple[str, int, int], ...]:
        """The files that decide what is served, by what the operating system says of each."""
        state = []
        for pattern in ("dags/*.toml", "models/*/versions.toml"):
            for path in sorted(self._home.glob(pattern)):
                try:
                    status = path.stat()
                except FileNotFoundError:  # removed meanwhile
                    continue
                state.append((str(path), status.st_mtime_ns, status.st_size))
        return tuple(state)
