"""A team's containers: the product's Dockerfile and docker-compose.yaml, with their jobs and without the sample."""

import re

from pipeline.project import ROOT
from pipeline.scaffolding import files
from pipeline.version import NAME, VERSION

# What the image of a checkout copies beside the jobs comes from the wheel here.
_OURS = re.compile(r"COPY pipeline .*?COPY deploy [^\n]*\n", re.DOTALL)
_SAMPLE_STAGE = re.compile(r"\n# What the service `sample` loads.*", re.DOTALL)
_SAMPLE_SERVICE = re.compile(r"  sample:\n.*?\n\n(?=  analyst:)", re.DOTALL)
_HEADER = re.compile(r"\A(?:#[^\n]*\n)+")
_IMAGE = re.compile(r"image: nightly-scoring:\S+")


def files_of(image: str) -> dict[str, str]:
    """The files that Docker needs, by their paths in a repository.

    Args:
        image: name of the image that is built.
    """
    postgres = {f"docker/postgres/{path.name}": path for path in sorted((ROOT / "sql" / "docker").iterdir())}
    return {
        "Dockerfile": _dockerfile(),
        "docker-compose.yaml": _compose(image),
        "requirements.txt": (ROOT / "requirements.txt").read_text(encoding="utf-8"),
        **{name: path.read_text(encoding="utf-8") for name, path in postgres.items()},
    }


def _dockerfile() -> str:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    text = _HEADER.sub(
        "# One image for every Airflow service: pinned packages, the product, and your jobs.\n", text
    )
    text = _OURS.sub(lambda _: files.rendered("repository/Dockerfile", name=NAME, version=VERSION), text)
    return _SAMPLE_STAGE.sub("", text)


def _compose(image: str) -> str:
    text = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
    text = _HEADER.sub(lambda _: files.rendered("repository/docker-compose.yaml"), text)
    text = _SAMPLE_SERVICE.sub("", text)
    text = _IMAGE.sub(f"image: {image}:{VERSION}", text)
    text = text.replace(":?run python3 -m local.dotenv}", ":?set it in .env}")
    text = text.replace("./sql/docker:", "./docker/postgres:")
    return text.replace(
        " are not set up for that: docker-compose.production.yaml.", " are not set up for that."
    )
