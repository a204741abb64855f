"""The runbook has every message that somebody on call may get, and every finding of the gate."""

import ast
import re
from collections.abc import Iterator
from typing import get_type_hints

from pipeline.config.fields import Response
from pipeline.config.sections import GateSection
from tests.docs.pages import ROOT

RUNBOOK = (ROOT / "docs" / "how-to" / "runbook.md").read_text()


def titles() -> Iterator[str]:
    """What the title of a message says after job and date: the constant beginning of each."""
    tree = ast.parse((ROOT / "pipeline" / "integrations" / "messages.py").read_text())
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        assigned = [node for node in ast.walk(function) if isinstance(node, ast.Assign)]
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id == "_alert":
                yield from texts(call.args[1], assigned)


def texts(value: ast.expr, assigned: list[ast.Assign]) -> Iterator[str]:
    if isinstance(value, ast.JoinedStr):
        yield from texts(value.values[0], assigned)
    elif isinstance(value, ast.Constant):
        yield str(value.value)
    elif isinstance(value, ast.Name):
        for node in assigned:
            names = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else node.targets
            values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            for name, given in zip(names, values, strict=False):
                if isinstance(name, ast.Name) and name.id == value.id:
                    yield from texts(given, assigned)


def test_it_has_every_message() -> None:
    sent = set(titles())
    assert len(sent) >= 8
    assert not [title for title in sent if f"| `{title}" not in RUNBOOK]


def test_it_has_every_finding() -> None:
    checks = [name for name, kind in get_type_hints(GateSection).items() if kind == Response]
    assert len(checks) >= 6
    assert not [
        name for name in ("min_rows", *checks) if not re.search(rf"^\| `{name}`", RUNBOOK, re.MULTILINE)
    ]
