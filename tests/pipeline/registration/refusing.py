"""Registering that has to fail."""

from typing import Any

import pandas as pd
import pytest

from pipeline.errors import ScoringError
from tests.home import Home


def refused(
    home: Home,
    estimator: Any,
    reference: pd.DataFrame,
    error: type[ScoringError],
    complaint: str,
    **options: Any,
) -> None:
    """Registering fails with this message, and leaves nothing behind."""
    with pytest.raises(error, match=complaint):
        home.model("refused", estimator, reference, **options)
    assert not list((home.path / "models").glob("refused/*"))
