"""The command that gives a registered version a compiled predictor."""

from typing import Annotated

import typer

from pipeline.cli.console import FAILED, out
from pipeline.cli.models.versions import Model
from pipeline.config import fields, workspace


def compile_version(
    name: Model,
    version: Annotated[int, typer.Argument(min=1, max=fields.LAST_VERSION, help="A registered version.")],
) -> None:
    """Give a registered version a compiled predictor for this machine's platform, where it is faster and equal.

    It needs a C compiler: cc, or the package ziglang. It writes predictor-PLATFORM.so and names it in manifest.json.
    Where it is built and not kept, manifest.json says why.
    """
    from pipeline.model.signature import FILE
    from pipeline.registration.compiled.add import to_registered

    home = workspace.home()
    built = to_registered(home, name, version)
    if not (built.content or built.reason):
        raise typer.Exit(FAILED)
    folder = home / "models" / name / str(version)
    signed = (
        f" Its signature is of the files before: scoring sign {name} {version}"
        if (folder / FILE).exists()
        else ""
    )
    out.print(
        f"{built.note}\n{folder}\nReview and commit models/{name}.{signed}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
