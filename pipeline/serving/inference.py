"""The Open Inference Protocol, version 2, over HTTP: what KServe's and others' clients speak.

A tensor is a column. A row that breaks the contract has no score: `score` is null there, and `rejected` says why.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response

from pipeline.contract.contract import ENTITY, Column
from pipeline.model.manifest import Manifest
from pipeline.serving.answers import answer
from pipeline.serving.models.catalogue import Served
from pipeline.serving.models.scoring import Line
from pipeline.serving.requests import body, rows
from pipeline.serving.requests.body import shown
from pipeline.serving.requests.limits import Limits, Refused
from pipeline.serving.service import Service
from pipeline.version import NAME, VERSION

Authorization = Annotated[str | None, Header(description="`Bearer` and a token")]

routes = APIRouter(tags=["Open Inference Protocol"])

_KINDS = {"boolean": "BOOL", "text": "BYTES", "timestamp": "BYTES", "instant": "BYTES"}
_NUMBERS = {
    "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64", "uint8": "UINT8", "uint16": "UINT16",
    "uint32": "UINT32", "uint64": "UINT64", "float32": "FP32", "float64": "FP64",
}  # fmt: skip


@routes.get("/v2/health/live", summary="Whether the process answers")
async def live() -> Response:
    """It does."""
    return answer({"live": True})


@routes.get("/v2/health/ready", summary="Whether every job's model is open, its golden rows scored")
async def ready(request: Request) -> Response:
    """503 until each has been opened once."""
    is_ready = _service(request).catalogue.ready
    return answer({"ready": is_ready}, 200 if is_ready else 503)


@routes.get("/v2", summary="What answers here")
async def server(request: Request, authorization: Authorization = None) -> Response:
    """Name and version of the product."""
    _service(request).admit(authorization)
    return answer({"name": NAME, "version": VERSION, "extensions": []})


@routes.get("/v2/models/{job}", summary="A job's tensors")
@routes.get("/v2/models/{job}/versions/{version}", include_in_schema=False)
async def metadata(request: Request, job: str, authorization: Authorization = None) -> Response:
    """The columns that its model takes, and what it gives."""
    served = _served(request, job, authorization)
    manifest = served.manifest
    return answer(
        {
            "name": job,
            "versions": [str(manifest.version)],
            "platform": f"{manifest.format}_{manifest.task}",
            "inputs": [
                _tensor(ENTITY, "BYTES"),
                *(_tensor(column.name, _datatype(column)) for column in manifest.columns),
            ],
            "outputs": [_tensor(name, kind, *size) for name, kind, *size in _outputs(manifest)],
            "parameters": {"model": manifest.name, "sha256": served.pinned.sha256},
        }
    )


@routes.get("/v2/models/{job}/ready", summary="Whether a job's model is open")
@routes.get("/v2/models/{job}/versions/{version}/ready", include_in_schema=False)
async def model_ready(request: Request, job: str, authorization: Authorization = None) -> Response:
    """503 until it is."""
    served = _served(request, job, authorization)
    return answer({"name": job, "ready": True, "version": str(served.manifest.version)})


@routes.post("/v2/models/{job}/infer", summary="Score rows now, as tensors")
@routes.post("/v2/models/{job}/versions/{version}/infer", include_in_schema=False)
async def infer(request: Request, job: str, authorization: Authorization = None) -> Response:
    """By the model and the contract of a night."""
    service, served = _service(request), _served(request, job, authorization)
    document = await body.read(request, service.limits)
    wanted = table(document, service.limits)
    lines = await service.score(served, wanted, None)
    identity = document.get("id")
    manifest = served.manifest
    return answer(
        {
            "model_name": job,
            "model_version": str(manifest.version),
            **({"id": shown(identity)} if isinstance(identity, str) else {}),
            "parameters": {"model": manifest.name, "sha256": served.pinned.sha256},
            "outputs": [
                {**_tensor(name, kind, *size), "shape": [len(lines), *size], "data": _data(name, lines)}
                for name, kind, *size in _outputs(manifest)
            ],
        }
    )


def table(document: Any, limits: Limits) -> list[dict[str, Any]]:
    """A request's tensors as rows; rows without an entity are numbered.

    Raises:
        Refused: they are none, or of unequal lengths.
    """
    inputs = document.get("inputs") if isinstance(document, dict) else None
    if not isinstance(inputs, list) or not inputs:
        raise Refused(
            422, "no_inputs", 'The body is to be an object with "inputs", a tensor for each column.'
        )
    columns: dict[str, list[Any]] = {}
    for number, tensor in enumerate(inputs):
        name, data = _column(number, tensor)
        if name in columns:
            raise Refused(422, "twice", f"inputs[{number}] is a second tensor '{shown(name)}'.")
        columns[name] = data
    lengths = {len(data) for data in columns.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise Refused(422, "lengths", "The tensors are to have one and the same number of rows.")
    [length] = lengths
    rows.require_few(length, limits)
    columns.setdefault(ENTITY, [str(number) for number in range(length)])
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _column(number: int, tensor: Any) -> tuple[str, list[Any]]:
    fields = tensor if isinstance(tensor, dict) else {}
    name, datatype, shape, data = (fields.get(key) for key in ("name", "datatype", "shape", "data"))
    if (
        type(name) is not str
        or type(datatype) is not str
        or not isinstance(data, list)
        or not isinstance(shape, list)
    ):
        raise Refused(422, "no_tensor", f"inputs[{number}] is no tensor: name, shape, datatype and data.")
    if data and all(isinstance(each, list) and len(each) == 1 for each in data):
        data = [each[0] for each in data]
    sizes = ["" if isinstance(size, list | dict) else str(size) for size in shape]
    if sizes not in ([str(len(data))], [str(len(data)), "1"]):
        raise Refused(
            422, "shape", f"inputs[{number}] has {len(data)} values, and its shape is to be [{len(data)}]."
        )
    return name, data


def _served(request: Request, job: str, authorization: str | None) -> Served:
    service, version = _service(request), request.path_params.get("version")
    service.admit(authorization, job)
    served = service.served(job)
    if version is not None and version != str(served.manifest.version):
        raise Refused(404, "no_version", f"Version {served.manifest.version} is served, and no other.")
    return served


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _tensor(name: str, datatype: str, *size: int) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [-1, *size]}


def _datatype(column: Column) -> str:
    return _KINDS.get(column.kind) or _NUMBERS.get(column.dtype.lower(), "FP64")


def _outputs(manifest: Manifest) -> list[tuple[Any, ...]]:
    """Name, datatype and further sizes of each tensor that is answered."""
    outputs: list[tuple[Any, ...]] = [("score", "FP64")]
    if manifest.classes:
        outputs.append(("label", "BYTES"))
    if len(manifest.classes) > 2:
        outputs.append(("class_scores", "FP64", len(manifest.classes)))
    return [*outputs, ("rejected", "BYTES")]


def _data(name: str, lines: list[Line]) -> list[Any]:
    if name == "rejected":
        return [_reasons(line) for line in lines]
    return [line.get(name) for line in lines]


def _reasons(line: Line) -> str:
    return "; ".join(f"{reason['column_name']} {reason['rule']}" for reason in line.get("rejected", ()))
