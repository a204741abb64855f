"""How the sample model is fitted: the function that [training] in its job file names, and that train.py uses."""

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

CATEGORIES = ("carrier", "origin", "dest")
NOT_FEATURES = ("entity_id", "score_date", "late")
SEED = 20130701


def train(rows: pd.DataFrame) -> Pipeline:
    """A model of these rows, each of a flight that arrived."""
    return make_model().fit(features(rows), rows["late"])


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns that the model takes."""
    return rows.drop(columns=list(NOT_FEATURES))


def make_model() -> Pipeline:
    """An untrained model that takes the query's raw columns, unknown categories and nulls included."""
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        dtype=np.float64,
    )
    columns = make_column_transformer((encoder, list(CATEGORIES)), remainder="passthrough")
    trees = HistGradientBoostingClassifier(
        max_iter=100,
        learning_rate=0.06,
        max_leaf_nodes=8,
        min_samples_leaf=500,
        l2_regularization=5,
        early_stopping=False,
        categorical_features=list(range(len(CATEGORIES))),
        random_state=SEED,
    )
    return make_pipeline(columns, trees)
