"""The run's pinned model is verified once, before any part is scored."""

from pipeline.config.workspace import Files
from pipeline.model import registry
from pipeline.payloads import PartTask, Run


def load_model(files: Files, run: Run) -> list[PartTask]:
    """Verify and load the run's pinned model.

    Returns:
        a task for each part.

    Raises:
        ModelError: the model may not be used.
    """
    registry.load(registry.pin(files.home, run.model_name, run.model_version, run.model_sha256))
    return [run.work(part) for part in run.parts]
