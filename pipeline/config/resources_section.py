"""What a job file says of the processors and the memory of its tasks, where each task has a container of its own."""

from pydantic import Field

from pipeline.config.sections import Section


class StageResources(Section):
    """What one task asks for and may take; a part's task as much for each part."""

    cpu: float | None = Field(
        default=None,
        ge=0.1,
        le=128,
        description="processors: as many are kept free for the task, it gets no more, and scores with so many threads",
    )
    memory_mb: int | None = Field(
        default=None,
        ge=128,
        le=4_194_304,
        description="megabytes of memory: as many are kept free for the task, and one that takes more is killed; "
        "without it as many are kept free as `scoring check JOB --keep-forecast` has kept, and none is killed",
    )


class ResourcesSection(Section):
    """Processors and memory of the tasks that hold rows or a model, under Airflow's KubernetesExecutor."""

    extract: StageResources = Field(
        default=StageResources(), description="of the task that reads the rows, and holds one part"
    )
    load_model: StageResources = Field(
        default=StageResources(), description="of the task that opens the model, and scores its golden rows"
    )
    predict: StageResources = Field(default=StageResources(), description="of the task that scores one part")
    write: StageResources = Field(
        default=StageResources(), description="of the task that loads one part's scores"
    )
    log_metrics: StageResources = Field(
        default=StageResources(), description="of the task that counts what the run looked like"
    )
    publish: StageResources = Field(default=StageResources(), description="of the task that audits the run")
    challenge: StageResources = Field(
        default=StageResources(), description="of the task that scores one part with the challenger"
    )
    explain: StageResources = Field(
        default=StageResources(), description="of the task that finds the reasons of one part's scores"
    )
    measure: StageResources = Field(
        default=StageResources(), description="of the task that joins the scores with their outcomes"
    )
    extract_training: StageResources = Field(
        default=StageResources(), description="of the task that gathers the rows for training"
    )
    train: StageResources = Field(default=StageResources(), description="of the task that trains a candidate")

    def of(self, task: str) -> StageResources:
        """What a task asks for; nothing, where it is none of these."""
        named: StageResources = getattr(self, task, StageResources())
        return named
