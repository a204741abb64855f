"""As much of MLflow's registry as is asked for here, answering as MLflow 3.17.2 did when it was asked the same."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.sinks import listening

FOLDER = "0/models/m-9d9a45857c0040f5b29d1d79d33536a6/artifacts"
MLMODEL = "flavors:\n  python_function:\n    loader_module: mlflow.{flavor}\n  {flavor}:\n    {key}: {file}\n"


class Registry(ThreadingHTTPServer):
    """One model, `shop`, whose alias `champion` is version 1."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Api)
        self.files: dict[str, bytes] = {}
        self.location = f"mlflow-artifacts:/{FOLDER}"
        self.asked: list[str] = []
        self.headers: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def hold(self, flavor: str, file: str, content: bytes, key: str = "data") -> None:
        """Have a version of one flavor."""
        self.files = {"MLmodel": MLMODEL.format(flavor=flavor, key=key, file=file).encode(), file: content}

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, bytes]:
        """What MLflow answers."""
        refusal = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"not found: {path} {query}"}
        answers = {
            ("registered-models/alias", "shop", "champion"): {
                "model_version": {"name": "shop", "version": "1"}
            },
            ("model-versions/get-download-uri", "shop", "1"): {"artifact_uri": self.location},
        }
        if path.startswith("/api/2.0/mlflow-artifacts/artifacts/"):
            file = path.removeprefix(f"/api/2.0/mlflow-artifacts/artifacts/{FOLDER}/")
            return (200, self.files[file]) if file in self.files else (404, json.dumps(refusal).encode())
        call = path.removeprefix("/api/2.0/mlflow/")
        answer = answers.get((call, query.get("name", ""), query.get("alias") or query.get("version", "")))
        return (200 if answer else 404), json.dumps(answer or refusal).encode()


class Api(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        self.server.asked.append(address.path)
        self.server.headers.append(self.headers["Authorization"])
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        status, content = self.server.answer(address.path, query)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def registry() -> Iterator[Registry]:
    """A server with an empty registry."""
    with listening(Registry()) as server:
        yield server
