"""A row of a request as the OpenAPI document has it: its columns, what training saw of each, and what rejects a row."""

from collections.abc import Mapping
from typing import Any

from pipeline.contract.contract import ENTITY, Column, Contract
from pipeline.contract.policy import Policy
from pipeline.model.failing import COLUMN

Schema = dict[str, Any]

_NUMBERS = {"integer": "integer", "number": "number", "boolean": "boolean"}


def row(name: str, contract: Contract, policy: Policy) -> Schema:
    """A row, as the contract has it: what breaks it rejects the row alone, with the rules by name."""
    properties: Schema = {
        ENTITY: {
            "type": ["string", "integer"],
            "description": "what gets the score, as the job's query names it",
        }
    }
    for column in contract.columns:
        properties[column.name] = _value(column, policy.actions[column.name])
    return {"type": "object", "properties": properties, "additionalProperties": False,
            "description": f"A row of {name}. A column {COLUMN} in an answer is the model itself."}  # fmt: skip


def _value(column: Column, actions: Mapping[str, str]) -> Schema:
    """A column's values; what training saw is said, and what rejects a row."""
    kind = _NUMBERS.get(column.kind, "string")
    value: Schema = {"type": [kind, "null"] if actions["null"] != "reject" else kind}
    if column.kind in ("timestamp", "instant"):
        value["format"] = "date-time" if column.kind == "instant" else "local-date-time"
    saw = []
    if column.minimum is not None:
        saw.append(f"training saw {column.minimum} to {column.maximum}")
    if column.categories is not None:
        saw.append(
            f"training saw {', '.join(column.categories[:20])}{' ...' if len(column.categories) > 20 else ''}"
        )
    rejecting = [rule for rule, action in actions.items() if action == "reject"]
    value["description"] = "; ".join([*saw, f"rejected for: {', '.join(rejecting) or 'nothing'}"])
    return value
