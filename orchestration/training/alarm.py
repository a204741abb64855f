"""The asset by which a quality alarm begins a training: the task `begin_training` updates it, once an alarm."""

from airflow.sdk import Asset

from pipeline.config.job import Job


def alarm_of(job: Job) -> Asset:
    """The asset of a job's quality alarm."""
    return Asset(name=f"{job.name}-quality-alarm", uri=f"scoring://predictions/{job.name}/quality-alarm")
