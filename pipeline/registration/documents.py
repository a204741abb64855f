"""What a team hands over beside its model: figures of its evaluation, and a card."""

import json
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.text_files import TextError, decoded


def metrics(path: Path) -> dict[str, float]:
    """Named figures of a JSON file.

    Raises:
        UsageError: it cannot be read, or is no such file.
    """
    try:
        return {str(name): float(value) for name, value in json.loads(text(path)).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(
            f'{path}: not a JSON object of named numbers, such as {{"roc_auc": 0.75}}: {error}'
        ) from error


def text(path: Path) -> str:
    """A text file.

    Raises:
        UsageError: it cannot be read, or is no text.
    """
    try:
        return decoded(path.read_bytes())
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}. Give the path of an existing file."
        ) from error
    except TextError as error:
        raise UsageError(f"{path}: not a text file: {error}") from error
