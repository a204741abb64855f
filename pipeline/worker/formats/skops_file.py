"""An estimator of scikit-learn's in the format of skops: of types that a reviewer trusts, and no others."""

import io
import json
from collections.abc import Iterator
from typing import Any
from zipfile import ZipFile

from pipeline.worker.formats.native import FormatError, Settings


def load(content: bytes, settings: Settings) -> Any:
    """The estimator; nothing of a type that is not trusted is made.

    Raises:
        FormatError: the file has types that nobody has trusted.
    """
    import skops.io

    untrusted = sorted(set(skops.io.get_untrusted_types(data=content)) - set(settings.trusted))
    if untrusted:
        options = " ".join(f"--trust {name}" for name in untrusted)
        raise FormatError(
            f"it has types that skops does not trust: {', '.join(untrusted)}. Nothing was loaded. Look at each, and "
            f"register it with {options}, which the manifest keeps for reviewers."
        )
    return skops.io.loads(content, trusted=list(settings.trusted))


def modules(content: bytes) -> set[str]:
    """The modules of all the types that a file names."""
    with ZipFile(io.BytesIO(content)) as file:
        return {"skops", *_modules(json.loads(file.read("schema.json")))}


def _modules(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(name := node.get("__module__"), str):
            yield name
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            yield from _modules(inner)
