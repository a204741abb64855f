"""The same rows explained by shap, without this project: `python peer_shap.py MODEL_FOLDER FOLDER`.

Runs in the environment of shap.txt. Columns are handed to shap as numbers, categories as their codes, and go to the
model as the frame that it was trained on.
"""

import json
import sys
from pathlib import Path
from time import perf_counter

import joblib
import numpy as np
import pandas as pd
import shap

_, model_folder, folder = sys.argv
COLUMNS = json.loads((Path(model_folder) / "manifest.json").read_text())["columns"]
LEAST = 1e-6


def coded(path):
    """A file's rows as numbers."""
    rows = pd.read_parquet(path)
    return np.column_stack(
        [
            pd.Categorical(rows[column["name"]], categories=column["categories"]).codes
            if column["categories"]
            else rows[column["name"]].to_numpy(np.float64, na_value=np.nan)
            for column in COLUMNS
        ]
    ).astype(np.float64)


def frame(values):
    """Numbers as the frame that the model takes."""
    made = {}
    for place, column in enumerate(COLUMNS):
        if column["categories"]:
            texts = np.array([*column["categories"], None], dtype=object)[values[:, place].astype(int)]
            made[column["name"]] = pd.Series(texts).astype("str")
            if column["dtype"] == "category":
                made[column["name"]] = pd.Categorical(texts, categories=column["categories"])
        else:
            made[column["name"]] = pd.Series(values[:, place]).astype(column["dtype"])
    return pd.DataFrame(made)


model = joblib.load(Path(model_folder) / "model.joblib")


def odds(values):
    """The model's log odds."""
    within = np.clip(model.predict_proba(frame(values))[:, 1], LEAST, 1 - LEAST)
    return np.log(within) - np.log1p(-within)


rows, start = coded(f"{folder}/rows.parquet"), coded(f"{folder}/background.parquet")
masker = shap.maskers.Independent(start, max_samples=len(start))
explainer = shap.PermutationExplainer(odds, masker, seed=20)
began = perf_counter()
explained = explainer(rows, max_evals=2 * len(COLUMNS) + 1, silent=True)
measured = {"seconds": perf_counter() - began}
outputs = odds(rows)
measured["gap"] = float(np.abs(explained.base_values + explained.values.sum(axis=1) - outputs).max())
np.save(f"{folder}/values.npy", explained.values)
measured |= {"tree_seconds": float("nan"), "tree_gap": float("nan")}
try:
    step = model.steps[-1][1]
    taken = model[:-1].transform(frame(rows))
    began = perf_counter()
    tree = shap.TreeExplainer(step)
    values = tree.shap_values(taken, check_additivity=False)
    measured["tree_seconds"] = perf_counter() - began
    base = np.ravel(tree.expected_value)[-1]
    measured["tree_gap"] = float(np.abs(base + np.asarray(values).sum(axis=1) - outputs).max())
except Exception as error:  # noqa: BLE001 - shap takes few of scikit-learn's estimators
    print(f"shap's tree explainer is left out: {type(error).__name__}: {error}", file=sys.stderr)
print(json.dumps(measured))
