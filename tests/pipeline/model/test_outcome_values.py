"""pipeline/model/outcome_values.py: a class in any type, and the name of one that the model does not have."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from pipeline.model import outcome_values
from pipeline.model.outcome_values import OutcomesQueryError
from tests.home import Home, shop_model, shop_rows
from tests.pipeline.evaluation.shop import bought, look, name_outcomes, opened


@pytest.mark.parametrize(
    "said",
    [
        pa.array([True, False, None]),
        pa.array([1, 0, None]),
        pa.array([1.0, 0.0, float("nan")]),
        pa.array([Decimal("1.00"), Decimal("0.00"), None]),
        pa.array(["true", "false", None]),
        pa.array(["1", "0", None]),
        pa.array(["true", "false", None]).dictionary_encode(),
        pa.array([None, None, None]),
    ],
)
@pytest.mark.parametrize("classes", [("false", "true"), ("0", "1"), ("0.0", "1.0")])
def test_a_class_may_have_any_type(home: Home, said: pa.Array, classes: tuple[str, ...]) -> None:
    manifest = home.model(home.name("shop"), *shop_model()).manifest.model_copy(update={"classes": classes})
    values = outcome_values.read(said, manifest, "n.sql", pa.array(["a", "b", "c"]))
    known = said.null_count < 3
    np.testing.assert_array_equal(values, [1.0, 0.0, np.nan] if known else [np.nan] * 3)


def test_an_unknown_outcome_is_named(home: Home) -> None:
    shop = opened(home, shop_rows())
    rows = bought(shop_rows()).astype({"bought": str})
    rows["bought"] = rows["bought"].str.lower()
    rows.loc[7, "bought"] = "maybe"
    name_outcomes(shop, rows)
    with pytest.raises(
        OutcomesQueryError,
        match=r"no class of the model: 'maybe', such as that of entity customer-00007\. .* are false, true",
    ):
        look(shop)
