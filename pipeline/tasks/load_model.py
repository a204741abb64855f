"""The run's pinned model is verified once, before any part is scored."""

from pipeline.config.job import Job
from pipeline.config.workspace import Files
from pipeline.model import registry
from pipeline.payloads import PartTask, Run
from pipeline.runs.code_version import require_same


def load_model(files: Files, job: Job, run: Run) -> list[PartTask]:
    """Verify and load the run's pinned model.

    Returns:
        a task for each part.

    Raises:
        DeploymentError: another deployment came since the run began.
        ModelError: the model may not be used.
    """
    require_same(files, job, run)
    registry.load(registry.pin(files.home, run.model_name, run.model_version, run.model_sha256))
    return [run.work(part) for part in run.parts]
