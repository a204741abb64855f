"""What a publication says to OpenLineage, where Airflow's provider for it is installed and configured.

The tables that the job's query reads are the inputs, `scoring.predictions` and `scoring.rejected_rows` the outputs.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config.job import Job
from pipeline.config.workspace import Workspace

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

_QUANTILES = {"0.1": "score_p10", "0.5": "score_median", "0.9": "score_p90"}


def of_publication(job: Job, workspace: Workspace, run_id: int) -> "OperatorLineage[Any, Any]":
    """The datasets of a published run, with its numbers as facets.

    Args:
        job: what was scored.
        workspace: its databases and folders.
        run_id: the run.
    """
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client import facet_v2 as facets
    from openlineage.client.event_v2 import InputDataset, OutputDataset

    from pipeline.databases import queries
    from pipeline.tasks import log_metrics

    query = queries.read(workspace.home / "sql", job.extract.query)
    metrics = log_metrics.read(workspace.predictions, run_id)
    source, target = _namespace(workspace.warehouse), _namespace(workspace.predictions)
    scores = facets.data_quality_metrics_dataset.DataQualityMetricsDatasetFacet(
        rowCount=int(metrics["rows_scored"]), columnMetrics={"score": _column(metrics)}
    )
    version = facets.dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=str(run_id))
    outputs = (("predictions", "rows_scored"), ("rejected_rows", "rows_rejected"))
    written = [
        OutputDataset(
            namespace=target,
            name=f"{_database(workspace.predictions)}.scoring.{table}",
            facets={"version": version, **({"dataQualityMetrics": scores} if table == "predictions" else {})},
            outputFacets={
                "outputStatistics": facets.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                    rowCount=int(metrics[rows])
                )
            },
        )
        for table, rows in outputs
    ]
    return OperatorLineage(
        inputs=[
            InputDataset(namespace=source, name=name) for name in _tables(job, workspace.warehouse, query)
        ],
        outputs=written,
        job_facets={"sql": facets.sql_job.SQLJobFacet(query=query)},
    )


def _column(metrics: Mapping[str, float]) -> Any:
    """The score's figures; a run without rows has none."""
    from openlineage.client.facet_v2 import data_quality_metrics_dataset

    rows = metrics["rows_scored"]
    return data_quality_metrics_dataset.ColumnMetrics(
        nullCount=0,
        count=rows,
        sum=metrics["score_mean"] * rows if "score_mean" in metrics else None,
        min=metrics.get("score_min"),
        max=metrics.get("score_max"),
        quantiles={share: metrics[name] for share, name in _QUANTILES.items() if name in metrics},
    )


def _tables(job: Job, address: str, query: str) -> list[str]:
    """The tables that a query reads, as OpenLineage names them; the query itself where it names none that is known."""
    from openlineage.common.sql import parse

    read = parse([query], dialect="postgres" if address.startswith("postgresql") else "generic")
    database, schema = _database(address), "public" if address.startswith("postgresql") else None
    names = [
        ".".join(filter(None, (table.database or database, table.schema or schema, table.name)))
        for table in (read.in_tables if read else ())
    ]
    return sorted(set(names)) or [job.extract.query]


def _namespace(address: str) -> str:
    """The server of an address, as OpenLineage names it, without a login."""
    import sqlalchemy as sa

    url = sa.make_url(address)
    if url.get_backend_name() in ("sqlite", "duckdb"):
        return "file"
    if url.get_backend_name() == "postgresql":
        return f"postgres://{url.host or 'localhost'}:{url.port or 5432}"
    return f"{url.get_backend_name()}://{url.host or 'localhost'}{f':{url.port}' if url.port else ''}"


def _database(address: str) -> str:
    import sqlalchemy as sa

    name = sa.make_url(address).database or ""
    return str(Path(name)).lstrip("/") if address.startswith(("sqlite", "duckdb")) else name
