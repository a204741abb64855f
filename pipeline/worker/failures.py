"""What a model's own code raises, as it travels from a worker to a task: its type and its text, and no object."""

from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Self

# Of an error's text; who shows it cuts it further.
_MOST_TEXT, _MOST_NAME, _MOST_PARTS = 20_000, 200, 20


@dataclass(frozen=True)
class Failure:
    """An error of a model.

    Attributes:
        kind: its type's name.
        text: its text.
        kinds: the names of its type and of all that this is derived from.
        module: of an import error: the module that is not there.
        version: of a pickle of another scikit-learn: that one's version.
        private: what of the text may be an entity or a value of a row.
    """

    kind: str
    text: str
    kinds: tuple[str, ...]
    module: str = ""
    version: str = ""
    private: tuple[str, ...] = ()

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """What an error is; its own methods are the model's code, too, and may raise in turn."""
        return cls(
            kind=type(error).__name__[:_MOST_NAME],
            text=_text(error),
            kinds=tuple(base.__name__[:_MOST_NAME] for base in type(error).__mro__),
            module=_attribute(error, "name"),
            version=_attribute(error, "original_sklearn_version"),
            private=_private(error),
        )

    @classmethod
    def read(cls, value: dict[str, Any]) -> Self:
        """The failure of a message, of which nothing is believed but that it is text."""
        most = {"kind": _MOST_NAME, "text": _MOST_TEXT, "module": _MOST_NAME, "version": _MOST_NAME}
        texts = {name: str(value.get(name, ""))[:size] for name, size in most.items()}
        kinds = tuple(str(kind)[:_MOST_NAME] for kind in value.get("kinds") or ())
        private = tuple(str(part)[:_MOST_TEXT] for part in (value.get("private") or ())[:_MOST_PARTS])
        return cls(**texts, kinds=kinds, private=private)

    def message(self) -> dict[str, Any]:
        """The failure for a message."""
        return asdict(self)

    def is_a(self, *kinds: type[BaseException]) -> bool:
        """Whether the error was of one of these types."""
        return any(kind.__name__ in self.kinds for kind in kinds)


class EstimatorError(Exception):
    """What a model's own code has raised, in a process of its own."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.failure = failure


def kind_of(error: BaseException) -> str:
    """The name of an error's type, wherever the model has raised it."""
    return error.failure.kind if isinstance(error, EstimatorError) else type(error).__name__


def _text(error: BaseException) -> str:
    try:
        return str(error)[:_MOST_TEXT].encode(errors="replace").decode()
    except Exception:  # noqa: BLE001 - whatever it raises, there is no text
        return ""


def _attribute(error: BaseException, name: str) -> str:
    try:
        value = getattr(error, name, None)
        return "" if value is None else str(value)[:_MOST_NAME]
    except Exception:  # noqa: BLE001 - whatever it raises, there is no such attribute
        return ""


def _private(error: BaseException) -> tuple[str, ...]:
    try:
        parts = islice(getattr(error, "private", ()), _MOST_PARTS)
        return tuple(str(part)[:_MOST_TEXT].encode(errors="replace").decode() for part in parts)
    except Exception:  # noqa: BLE001 - whatever it raises, there are no such parts
        return ()
