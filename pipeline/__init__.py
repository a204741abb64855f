"""Nightly batch scoring. For a team's own scripts: `training_frame` and `training_file`.

They are imported when they are asked for: a DAG file, which reads this first, is to load nothing heavy.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.training.frame import training_file as training_file
    from pipeline.training.frame import training_frame as training_frame

_PUBLIC = ("training_file", "training_frame")


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pipeline.training import frame

    return getattr(frame, name)
