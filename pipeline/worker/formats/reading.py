"""Which format an artefact has, and how each is opened."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.worker.formats import boosters, onnx_file, skops_file
from pipeline.worker.formats.native import Format, FormatError, Settings

JOBLIB: Format = "joblib"
_BY_SUFFIX: dict[str, Format] = {
    ".skops": "skops",
    ".onnx": "onnx",
    ".cbm": "catboost",
    ".ubj": "xgboost",
    ".json": "xgboost",
    ".txt": "lightgbm",
    ".lgb": "lightgbm",
}


@dataclass(frozen=True)
class _Reader:
    library: str
    read: Callable[[bytes, Settings], Any]
    writer: str


_READERS = {
    "skops": _Reader("skops", skops_file.load, "skops.io.dump"),
    "lightgbm": _Reader("lightgbm", boosters.LightGBM, "Booster.save_model"),
    "xgboost": _Reader("xgboost", boosters.XGBoost, "save_model"),
    "catboost": _Reader("catboost", boosters.CatBoost, "save_model"),
    "onnx": _Reader("onnxruntime", onnx_file.Onnx, "skl2onnx, or another converter"),
}


def format_of(name: str) -> Format:
    """The format of a file, as the end of its name says; joblib's where it says nothing."""
    return next((kind for suffix, kind in _BY_SUFFIX.items() if name.lower().endswith(suffix)), JOBLIB)


def read(content: bytes, settings: Settings) -> Any:
    """The estimator of a file of a format other than joblib's.

    Raises:
        FormatError: it is none, needs a library that is not there, or is of a kind that no run can use.
        Warning: one that is treated as an error.
    """
    reader = _READERS[settings.format]
    try:
        return reader.read(content, settings)
    except (FormatError, Warning):  # such as scikit-learn's, of a file that another version of it wrote
        raise
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != reader.library:
            raise
        raise FormatError(
            f"a model in the format {settings.format} needs {reader.library}, which is not installed. Add "
            f"{reader.library} to the environment: pip install 'nightly-scoring[{settings.format}]'"
        ) from error
    except Exception as error:  # each library has errors of its own
        text = " ".join(str(error).split())[:300]
        raise FormatError(
            f"the file cannot be read as one of the format {settings.format}: {type(error).__name__}: {text}. Write it "
            f"again with {reader.writer}, and name it as such: .skops, .onnx, .cbm, .ubj, .json or .txt; all else is "
            "read by joblib."
        ) from error


def modules(content: bytes, settings: Settings) -> frozenset[str]:
    """The modules that a file of a format other than joblib's depends on."""
    if settings.format == "skops":
        return frozenset(skops_file.modules(content))
    return frozenset({_READERS[settings.format].library})
