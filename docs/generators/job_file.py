"""docs/reference/job-file.md, from the models that read a job file."""

import datetime
import json
from collections.abc import Iterator, Mapping
from typing import Any

from docs.generators.markdown import page, sentence, table
from pipeline.config.contract_section import RulesSection
from pipeline.config.job import Job
from pipeline.config.loader import section_of
from pipeline.config.resources_section import StageResources
from pipeline.contract import policy

IDENTIFIER = Job.model_json_schema()["properties"]["name"]["pattern"]

# The file gives them, and nobody writes them.
_NOT_WRITTEN = ("name", "sha256")
_INTRODUCTION = """A job is one TOML file, `dags/JOB.toml`. The file's name is the job's name. A key without a default \
has to be there, and an unknown key is an error. A section that has only keys with a default may be left out."""

_BOUNDS = {
    "minimum": "from {}",
    "exclusiveMinimum": "over {}",
    "maximum": "to {}",
    "exclusiveMaximum": "below {}",
    "maxLength": "at most {} characters",
    "maxItems": "at most {} of them",
}
_PATTERNS = {IDENTIFIER: "word of small letters, digits and _"}
_TYPES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}


def render() -> str:
    """The page."""
    schema = Job.model_json_schema()
    definitions = schema["$defs"]
    top, sections = [], []
    for name, field in Job.model_fields.items():
        model = section_of(field.annotation)
        if name in _NOT_WRITTEN:
            continue
        if model is None:
            top.append(name)
        else:
            definition = definitions[model.__name__]
            without = "" if field.is_required() or field.default is not None else " It may be left out."
            sections.append(
                f"## [{name}]\n\n{definition['description']}{without}\n\n"
                + _keys(definition, [*definition["properties"]], f"{name}.")
            )
    rules = definitions[RulesSection.__name__]
    columns = (
        f"## [contract.columns.NAME]\n\n{rules['description']}\nHere it is of the column NAME alone.\n\n"
        + _keys(rules, [*rules["properties"]], "contract.columns.NAME.")
    )
    sections.insert([*Job.model_fields].index("write") - len(top) - 1, columns)
    sections.append(_of_a_task(definitions[StageResources.__name__]))
    return page("Job file", _INTRODUCTION, ["## The job\n\n" + _keys(schema, top, ""), *sections])


def _of_a_task(stage: Mapping[str, Any]) -> str:
    keys = _keys(stage, [*stage["properties"]], "resources.TASK.")
    return f"## [resources.TASK]\n\n{stage['description']}\n\n{keys}"


def _keys(schema: Mapping[str, Any], names: list[str], prefix: str) -> str:
    rows = [_row(schema, name, prefix) for name in names]
    return table(["Key", "Type", "Default", "Meaning"], rows)


def _row(schema: Mapping[str, Any], name: str, prefix: str) -> list[str]:
    item = schema["properties"][name]
    meaning = sentence(item.get("description", ""))
    return [f"`{prefix}{name}`", _type(item), _default(schema, name), meaning]


def _default(schema: Mapping[str, Any], name: str) -> str:
    if name in schema.get("required", ()):
        return "required"
    default = schema["properties"][name].get("default")
    default = None if "$ref" in schema["properties"][name] else default
    default = policy.DEFAULTS.get(name) if default is None else default
    return "none" if default is None else f"`{_toml(default)}`"


def _toml(value: Any) -> str:
    return str(value) if isinstance(value, datetime.date) else json.dumps(value)


def _type(item: Mapping[str, Any]) -> str:
    """What a value may be, with its bounds."""
    item = _given(item)
    if "enum" in item:
        return ", ".join(f'`"{value}"`' for value in item["enum"])
    if item.get("type") == "object":
        return "sections"
    if "$ref" in item:
        return "section"
    if item.get("type") == "array":
        return "; ".join([f"list of {_type(item['items'])}", *_bounds(item)])
    kind = "date" if item.get("format") == "date" else _TYPES[item["type"]]
    kind = _PATTERNS.get(item.get("pattern", ""), kind)
    return "; ".join([kind, *_bounds(item)])


def _given(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of a value that is there, of a key that may be left out."""
    for choice in item.get("anyOf", ()):
        if choice.get("type") != "null":
            return {**item, **choice}
    return item


def _bounds(item: Mapping[str, Any]) -> Iterator[str]:
    for name, words in _BOUNDS.items():
        if name in item:
            yield words.format(item[name])
