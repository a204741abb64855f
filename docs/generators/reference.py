"""The pages of docs/reference/: made from the code at every build, and never written by hand."""

import tempfile
from pathlib import Path

from docs.generators import command_line, exit_codes, job_file, metrics, python_api, tables_and_views
from pipeline.databases import connections
from pipeline.embedded import server
from pipeline.provisioning.migrate import migrate


def write(folder: Path) -> None:
    """Write every page; a Postgres of its own runs meanwhile, for the tables."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {**pages(), "tables-and-views": _tables()}.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """The pages that need no database, by their names."""
    return {
        "job-file": job_file.render(),
        "command-line": command_line.render(),
        "metrics": metrics.render(),
        "exit-codes": exit_codes.render(),
        "python-api": python_api.render(),
    }


def _tables() -> str:
    with tempfile.TemporaryDirectory(prefix="docs-") as folder:
        running = server.start(Path(folder))
        try:
            owner = connections.postgres(running.connections["predictions_owner"], "predictions_owner")
            migrate(owner)
            return tables_and_views.render(owner)
        finally:
            server.stop(Path(folder))
