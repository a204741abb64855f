"""Training days, a model of them, and its reference."""

import numpy as np
import pandas as pd
import pytest

from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring import references
from pipeline.monitoring.references import Reference
from tests.pipeline.monitoring.training import NIGHTS, night, registered, season


@pytest.fixture(scope="module")
def nights() -> pd.DataFrame:
    """Training nights."""
    random = np.random.default_rng(7)
    return pd.concat([night(random, number) for number in range(NIGHTS)], ignore_index=True)


@pytest.fixture(scope="module")
def pinned(nights: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> PinnedVersion:
    """A model registered with its nights."""
    folder = tmp_path_factory.mktemp("registered")
    return registered(folder, nights)


@pytest.fixture(scope="module")
def reference(pinned: PinnedVersion) -> Reference:
    """What is kept of the nights."""
    return references.load(pinned)


@pytest.fixture(scope="module")
def seasonal(pinned: PinnedVersion) -> Reference:
    """What is kept of the nights of a season."""
    rows = pd.concat([season(number) for number in range(NIGHTS)], ignore_index=True)
    return references.build(rows, pinned.manifest, "night", "unseen")
