"""The first files of a job: its job file, its two queries and a training script, to be filled in."""

import json
from datetime import date
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipeline.config.fields import Identifier
from pipeline.scaffolding import files
from pipeline.scaffolding.files import ScaffoldError
from pipeline.scaffolding.schema import FILE, job_schema

_NAME: TypeAdapter[str] = TypeAdapter(Identifier)


def make(home: Path, name: str, today: date) -> list[str]:
    """Write a job's first files, and return their paths below the home.

    Args:
        home: the folder that holds dags/, sql/ and models/.
        name: the job's and its model's name.
        today: the first day that is scheduled, until somebody says another.

    Raises:
        ScaffoldError: the name is not legal, or a file is there already.
    """
    try:
        _NAME.validate_python(name)
    except ValidationError:
        raise ScaffoldError(
            f"{name!r} cannot be a job's name. Use a lower-case word of letters, digits and _ that begins with a "
            "letter and has at most 63 characters, such as churn."
        ) from None
    texts = {
        f"dags/{name}.toml": files.rendered("job/job.toml", name=name, today=today.isoformat()),
        f"sql/{name}/features.sql": files.rendered("job/features.sql", name=name),
        f"sql/{name}/outcomes.sql": files.rendered("job/outcomes.sql", name=name),
        f"models/{name}/train.py": files.rendered("job/train.py", name=name),
    }
    if not (home / FILE).exists():  # the job file's first line names it
        texts[FILE] = schema_text()
    files.write(home, texts)
    return [*texts]


def schema_text() -> str:
    """The JSON Schema of job files, as a file has it."""
    return json.dumps(job_schema(), indent=2) + "\n"
