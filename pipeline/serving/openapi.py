"""The OpenAPI document: each job's routes by name, rows as the contract has them, examples from golden rows."""

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from pipeline.contract.contract import ENTITY, SCORE_DATE
from pipeline.serving.models.catalogue import Served
from pipeline.serving.requests import days, schemas
from pipeline.serving.requests.limits import Limits

Schema = dict[str, Any]

_JOB = "{job}"
_EXAMPLES = 2
_REASONS = "reasons"
_PARAMETERS = {SCORE_DATE: days.SCHEMA, _REASONS: {"type": "boolean"}}
_ERROR: Schema = {
    "type": "object",
    "required": ["error", "code"],
    "properties": {
        "error": {"type": "string", "description": "what was wrong, and what to do"},
        "code": {"type": "string", "description": "the same as a word for programs"},
    },
}
# Status -> what it says, of every route that needs a token; and of those that take a body.
_REFUSALS = {
    "401": "no token that counts",
    "403": "the token is not good for that job",
    "404": "no such job, score or route",
    "422": "a parameter or a row cannot be read",
    "503": "the model, the tokens or the database cannot be asked now: Retry-After",
}
_OF_BODIES = {
    "400": "no JSON",
    "408": "the body came too slowly",
    "413": "too many rows or bytes",
    "415": "another type of content",
    "429": "too much waits already: Retry-After",
    "500": "the fault is ours",
    "504": "the model took too long",
}


def document(app: FastAPI, served: Iterable[Served], limits: Limits) -> Schema:
    """The document of these jobs.

    Args:
        app: whose routes they are.
        served: the jobs.
        limits: what one request may have.
    """
    general = get_openapi(title=app.title, version=app.version, routes=app.routes)
    jobs = list(served)
    paths: Schema = {}
    for path, operations in general["paths"].items():
        if _JOB not in path:
            paths[path] = _described(operations, path)
        for job in jobs if _JOB in path else ():
            paths[path.replace(_JOB, job.job.name)] = _of_job(operations, path, job, limits)
    rows = {f"{job.job.name}_row": schemas.row(job.job.name, job.contract, job.policy) for job in jobs}
    return {
        **{key: value for key, value in general.items() if key != "paths"},
        "paths": paths,
        "components": {
            "schemas": {**rows, "Error": _ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _of_job(operations: Mapping[str, Any], path: str, job: Served, limits: Limits) -> Schema:
    name = job.job.name
    described = _described(operations, path)
    for method, operation in described.items():
        operation["operationId"] = f"{operation['operationId']}_{method}_{name}"
        operation["tags"] = [name]
        operation["parameters"] = [each for each in operation["parameters"] if each["name"] != "job"]
        if method == "post":
            operation["requestBody"] = {
                "required": True,
                "content": {"application/json": _body(path, job, limits)},
            }
            operation["responses"] |= _refusals(_OF_BODIES)
    return described


def _described(operations: Mapping[str, Any], path: str) -> Schema:
    """Operations with what each may answer; the token is a scheme and no parameter."""
    open_to_all = path.startswith(("/v2/health", "/metrics"))
    kind = "text/plain" if path == "/metrics" else "application/json"
    described: Schema = {}
    for method, operation in operations.items():
        parameters = [
            {**each, "schema": _PARAMETERS.get(each["name"], each["schema"])}
            for each in operation.get("parameters", ())
            if each["name"].lower() != "authorization"
        ]
        responses: Schema = {"200": {"description": operation["summary"], "content": {kind: {"schema": {}}}}}
        responses |= _refusals({"503": _REFUSALS["503"]} if open_to_all else _REFUSALS)
        described[method] = {**operation, "parameters": parameters, "responses": responses}
        if not open_to_all:
            described[method]["security"] = [{"token": []}]
    return described


def _refusals(statuses: Mapping[str, str]) -> Schema:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {status: {"description": text, "content": content} for status, text in statuses.items()}


def _body(path: str, job: Served, limits: Limits) -> Schema:
    golden = [{ENTITY: str(number), **row} for number, row in enumerate(job.manifest.golden_rows[:_EXAMPLES])]
    if path.endswith(":lookup"):
        keys = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": limits.rows}
        return _object({"entity_ids": keys}, {"entity_ids": ["1", "2"]}, _flag("that are kept of each score"))
    if path.endswith("/infer"):
        tensors = [
            {"name": name, "shape": [len(golden)], "datatype": "BYTES", "data": [row[name] for row in golden]}
            for name in golden[0]
        ]
        columns = len(job.contract.columns) + 1
        schema = {"type": "array", "minItems": 1, "maxItems": columns, "items": _tensor(job, limits)}
        return {"schema": {"type": "object", "required": ["inputs"], "properties": {"inputs": schema}},
                "example": {"inputs": tensors}}  # fmt: skip
    reference = {"$ref": f"#/components/schemas/{job.job.name}_row"}
    rows = {"type": "array", "items": reference, "minItems": 1, "maxItems": limits.rows}
    if not job.job.reasons:
        return _object({"rows": rows}, {"rows": golden})
    most = limits.walks // job.job.reasons.orders
    return _object(
        {"rows": rows}, {"rows": golden}, _flag(f"of each score, which {most:,} rows at most may have")
    )


def _flag(which: str) -> Schema:
    """The key that asks for reasons."""
    return {
        _REASONS: {
            "type": ["boolean", "null"],
            "description": f"whether the reasons {which} come with it: base, the largest contributions, and the others",
        }
    }


def _tensor(job: Served, limits: Limits) -> Schema:
    """A column's values. That tensors agree with their shapes and with one another is nothing that a schema can say."""
    return {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "description": "One a column, all of as many values: the shape is [n] or [n, 1].",
        "properties": {
            "name": {"enum": [ENTITY, *(column.name for column in job.contract.columns)]},
            "shape": {
                "type": "array",
                "items": {"type": "integer", "minimum": 1, "maximum": limits.rows},
                "minItems": 1,
                "maxItems": 2,
            },
            "datatype": {"type": "string"},
            "data": {"type": "array", "items": {}, "minItems": 1, "maxItems": limits.rows},
        },
    }


def _object(properties: Schema, example: Schema, optional: Schema | None = None) -> Schema:
    day = {
        **days.SCHEMA,
        "type": ["string", "null"],
        "description": "the score date; unless given that of today, or for a look-up the last published",
    }
    schema = {
        "type": "object",
        "required": list(properties),
        "properties": {**properties, SCORE_DATE: day, **(optional or {})},
        "additionalProperties": False,
    }
    return {"schema": schema, "example": example}
