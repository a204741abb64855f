"""The JSON Schema of a job file, for editors and for checks before a commit."""

from typing import Any

from pipeline.config.job import Job

FILE = "job.schema.json"
# They come from the file itself, and stand in none.
_OF_THE_FILE = ("name", "sha256")


def job_schema() -> dict[str, Any]:
    """The JSON Schema of a job file: its keys, sections, types and bounds.

    What no schema can say is left to `check`: whether a cron expression, a time zone or a query's file is one, and
    which keys go together.
    """
    schema: dict[str, Any] = _without_null(Job.model_json_schema())
    for key in _OF_THE_FILE:
        del schema["properties"][key]
    schema["required"] = [key for key in schema["required"] if key not in _OF_THE_FILE]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "A job file"}


def _without_null(value: Any) -> Any:
    """A schema that speaks of TOML, which has no null: a key that may be left out has the other type alone."""
    if isinstance(value, list):
        return [_without_null(one) for one in value]
    if not isinstance(value, dict):
        return value
    kinds = value.get("anyOf", [])
    if {"type": "null"} in kinds:
        [other] = [kind for kind in kinds if kind != {"type": "null"}]
        value = {**{key: one for key, one in value.items() if key not in ("anyOf", "default")}, **other}
    # The default of a section is that of its keys.
    return {
        key: _without_null(one)
        for key, one in value.items()
        if not (key == "default" and isinstance(one, dict))
    }
