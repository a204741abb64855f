"""What the wheel carries beside its modules: the product's own files, in pipeline/files (pipeline/project.py)."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILES = (
    "dags/*.py",
    "deploy/*.py",
    "plugins/*.py",
    "sql/**/*.sql",
    "sql/**/*.conf",
    "sql/migrations/**/*.py",
    "Dockerfile",
    "docker-compose.yaml",
    "requirements.txt",
)
# The sample's own, which a checkout has.
SAMPLE = "sql/flight_delay/"


class ProductFiles(BuildHookInterface[Any]):
    """Adds the files to a wheel; an editable install reads those of its checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name each file and its place in the wheel."""
        if version == "standard":
            build_data["force_include"].update(
                {str(path): f"pipeline/files/{name}" for name, path in product_files(Path(self.root)).items()}
            )


def product_files(root: Path) -> dict[str, Path]:
    """The files below a checkout, by the names that they have there."""
    files = {path.relative_to(root).as_posix(): path for pattern in FILES for path in root.glob(pattern)}
    return {name: path for name, path in sorted(files.items()) if not name.startswith(SAMPLE)}
