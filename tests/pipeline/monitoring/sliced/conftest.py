"""Training days with counts per slice, which the tests of slices share."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.contract.infer import infer
from pipeline.model.manifest import Manifest
from pipeline.monitoring import references
from pipeline.monitoring.references import Reference
from pipeline.monitoring.sliced.sliced_days import NOTHING
from tests.pipeline.monitoring.training import few_by_phone

FEATURES = ["amount", "visits", "channel", "member"]
DAYS = 72


@pytest.fixture(scope="session")
def phone_nights() -> pd.DataFrame:
    """Training nights on which few rows came by phone."""
    random = np.random.default_rng(5)
    return pd.concat([few_by_phone(random, number) for number in range(DAYS)], ignore_index=True)


@pytest.fixture(scope="session")
def sliced(phone_nights: pd.DataFrame) -> Reference:
    """What is kept of these nights, with counts by channel and by membership."""
    columns = infer(phone_nights[FEATURES], FEATURES).columns
    manifest = Manifest.model_construct(task="binary", columns=columns, outcome=None)
    return references.build(phone_nights, manifest, "night", "unseen", ("channel", "member"))


@pytest.fixture
def unsliced(sliced: Reference) -> Reference:
    """The same, of a version that was registered before there were slices."""
    return replace(sliced, slices=NOTHING)


def columns_of(rows: pd.DataFrame) -> Mapping[str, pa.Array]:
    """The columns of a night, as a part has them."""
    named = rows.rename(columns={"unseen": ""})[[*FEATURES, ""]]
    return {str(name): pa.Array.from_pandas(named[name]) for name in named}
