"""The newest candidate of a job, for whoever has it score beside the champion; it is never published.

A task that has the database chooses it. What it returns is JSON for a task that has none: `content.pinned` makes it a
version there that can be loaded.
"""

from pipeline.candidates import ledger
from pipeline.candidates.candidate import Candidate
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.model import registry


def latest(workspace: Workspace, job: Job) -> Candidate | None:
    """The newest candidate; None where there is none, or where it is the champion by now.

    Raises:
        ModelError: the champion cannot be read.
    """
    candidate = ledger.latest(workspace.predictions, job.name)
    if candidate is None or candidate.model != job.model.name:
        return None
    if not (workspace.home / "models" / job.model.name / "versions.toml").exists():
        return candidate
    champion = registry.resolve(workspace.home, job.model.name, job.model.alias)
    return None if champion.sha256 == candidate.files[candidate.numbered.artefact].sha256 else candidate
