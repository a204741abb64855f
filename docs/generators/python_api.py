"""docs/reference/python-api.md, from docstrings."""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import pipeline
from docs.generators.markdown import cell, page
from pipeline import payloads
from pipeline.config import job, workspace
from pipeline.tasks import extract, fallback, load_model, log_metrics, predict, preflight, publish, run, write

_INTRODUCTION = """For a team's own scripts there are `training_frame` and `training_file`, which `pipeline` exports. \
The functions of tasks follow: a DAG and the command line call the very same ones."""

# Title -> what stands below it.
SECTIONS: dict[str, tuple[Callable[..., Any], ...]] = {
    "Training rows": (pipeline.training_frame, pipeline.training_file),
    "A whole run": (run.score, fallback.serve, preflight.check),
    "The tasks of a run": (
        extract.extract,
        load_model.load_model,
        predict.predict,
        write.write,
        log_metrics.log_metrics,
        publish.publish,
    ),
    "What the tasks take and give": (
        job.Job,
        workspace.Workspace,
        payloads.RunRequest,
        payloads.Run,
        payloads.PartTask,
        payloads.Scored,
        payloads.Written,
        payloads.Verdict,
        payloads.Publication,
    ),
}
_HEADS = re.compile(r"^(Args|Returns|Raises|Attributes|Yields):$", re.MULTILINE)
_ITEM = re.compile(r"^(\*{0,2}[\w.]+): (.*)$", re.DOTALL)


def render() -> str:
    """The page."""
    sections = [
        f"## {title}\n\n" + "\n\n".join(map(_section, functions)) for title, functions in SECTIONS.items()
    ]
    return page("Python API", _INTRODUCTION, sections)


def _section(thing: Callable[..., Any]) -> str:
    name, text = f"{thing.__module__}.{thing.__name__}", inspect.getdoc(thing) or ""
    if thing.__module__.startswith("pipeline.training"):
        name = f"pipeline.{thing.__name__}"
    pieces = _HEADS.split(text)
    parts = [f"### {thing.__name__}", f"```python\n{_signature(thing, name)}\n```", pieces[0].strip()]
    for head, body in zip(pieces[1::2], pieces[2::2], strict=True):
        parts.append(f"**{head}**\n\n{_body(head, inspect.cleandoc(body))}")
    return "\n\n".join(parts)


def _signature(thing: Callable[..., Any], name: str) -> str:
    if inspect.isclass(thing):
        return f"from {thing.__module__} import {thing.__name__}"
    signature = inspect.signature(thing)
    words = [str(one) for one in _parameters(signature)]
    returned = inspect.formatannotation(signature.return_annotation)
    line = f"{name}({', '.join(words)}) -> {returned}"
    if len(line) > 100:
        line = f"{name}(\n" + "".join(f"    {word},\n" for word in words) + f") -> {returned}"
    return re.sub(
        r"\b(?:pipeline|datetime|pathlib|zoneinfo|collections|pandas)\.(?:\w+\.)*(?=[A-Z]|date\b)", "", line
    )


def _parameters(signature: inspect.Signature) -> Iterator[Any]:
    keyword = False
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not keyword:
            keyword = True
            yield "*"
        default = parameter.default
        # The address of a function is another one at every build.
        yield (
            parameter.replace(default=...)
            if callable(default) and default is not parameter.empty
            else parameter
        )


def _body(head: str, body: str) -> str:
    return body if head in ("Returns", "Yields") else "\n".join(_items(body))


def _items(body: str) -> Iterator[str]:
    """Lines of a list, an item for each name."""
    for item in re.split(r"\n(?=\S)", body):
        text = cell(item).replace("\\|", "|")
        named = _ITEM.match(text)
        yield f"- `{named[1]}`: {named[2]}" if named else f"- {text}"
