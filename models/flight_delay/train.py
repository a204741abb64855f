"""Train the sample model: will a flight from New York arrive more than 30 minutes late?

    .venv/bin/python models/flight_delay/train.py

It reads January to June 2013 night by night, through the query that scoring uses, holds out whole weeks to say how
good the model is, trains again on all six months, and registers the result as the next version and champion. Nothing
is fitted on July to December; the model card says how far its figures, and those of the held-out weeks, are to be
trusted.
"""

import argparse
import sys
import tempfile
from datetime import date
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from models.flight_delay import training  # noqa: E402
from models.flight_delay.card import Trial, model_card  # noqa: E402
from models.flight_delay.training import SEED, features  # noqa: E402
from pipeline import training_frame  # noqa: E402 - the checkout is no installed package
from pipeline.config import workspace  # noqa: E402
from pipeline.errors import ScoringError  # noqa: E402
from pipeline.registration.register import Registration, register  # noqa: E402

TRAINING = (date(2013, 1, 1), date(2013, 6, 30))
AFTERWARDS = (date(2013, 7, 1), date(2013, 12, 31))
# Every fourth week of the training months, whole, is held out: neighbouring flights share their weather.
WEEK_HELD_OUT = 4
REFERENCE_ROWS_A_NIGHT = 50
OUTCOMES = "flight_delay/outcomes.sql"


def main() -> None:
    """Train, evaluate, register."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args()
    print("reading January to June, and July to December", flush=True)
    try:
        nights, afterwards = read_nights(TRAINING), read(AFTERWARDS)
    except ScoringError as error:
        sys.exit(f"{error}\nIs the sample loaded? scoring sample")
    folder = train(arrived(nights), afterwards, nights)
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    print(f"{card}\nregistered {folder}. Review and commit models/flight_delay.")


def read(window: tuple[date, date]) -> pd.DataFrame:
    """Features and outcomes of every night from the first day to the last; flights without an outcome are left out."""
    return arrived(read_nights(window))


def read_nights(window: tuple[date, date]) -> pd.DataFrame:
    """The same with all flights, as a night scores them."""
    rows = training_frame("flight_delay", *window)
    outcomes = training_frame(OUTCOMES, *window, timezone="America/New_York")
    # In a window in which no plane is unknown, the dtype is to be the same.
    rows = rows.astype({"plane_year": "float64", "seats": "float64"})
    key = ["entity_id", "score_date"]
    return rows.merge(outcomes[[*key, "late"]], on=key, validate="one_to_one")


def arrived(rows: pd.DataFrame) -> pd.DataFrame:
    """The flights that have an outcome."""
    return rows.dropna(subset="late").astype({"late": bool})


def train(rows: pd.DataFrame, afterwards: pd.DataFrame, nights: pd.DataFrame | None = None) -> Path:
    """Evaluate on held-out weeks, train on all rows, and register; returns the version's folder.

    Args:
        rows: flights that arrived.
        afterwards: such flights of nights that nothing is fitted on.
        nights: all flights of the training nights, which later nights are compared with; else `rows`.
    """
    held_out = pd.to_datetime(rows["score_date"]).dt.isocalendar().week % WEEK_HELD_OUT == 0
    trial, final = training.train(rows[~held_out]), training.train(rows)
    held = _compare(trial, rows[~held_out], rows[held_out])
    after = _compare(final, rows, afterwards)
    return _register(final, rows, held, after, out_of_fold(rows if nights is None else nights))


def sample(rows: pd.DataFrame) -> pd.DataFrame:
    """The reference: as many rows of every night, in the dtypes of training."""
    chosen = rows.groupby("score_date", group_keys=False).sample(REFERENCE_ROWS_A_NIGHT, random_state=SEED)
    # Text identifiers take half of the file, and nobody compares them.
    return chosen.drop(columns="entity_id").reset_index(drop=True)


def out_of_fold(nights: pd.DataFrame) -> pd.DataFrame:
    """Nights with a column `out_of_fold`: the score of a model that was trained without the row's week."""
    fold = pd.to_datetime(nights["score_date"]).dt.isocalendar().week % WEEK_HELD_OUT
    scores = np.empty(len(nights))
    for number in fold.unique():
        tested = (fold == number).to_numpy()
        scores[tested] = training.train(arrived(nights[~tested])).predict_proba(features(nights[tested]))[
            :, 1
        ]
    return nights.assign(out_of_fold=scores)


def _compare(model: Pipeline, fitted: pd.DataFrame, tested: pd.DataFrame) -> Trial:
    rate, group = fitted["late"].mean(), ["carrier", "origin"]
    # Few flights say little of their carrier and airport: fifty flights of the base rate are added to each.
    late = fitted.groupby(group)["late"].agg(["sum", "count"])
    rates = ((late["sum"] + 50 * rate) / (late["count"] + 50)).rename("rate").reset_index()
    by_group = tested[group].merge(rates, how="left", on=group)["rate"].fillna(rate)
    probabilities = {
        "model": model.predict_proba(features(tested))[:, 1],
        "rate per carrier and origin": by_group.to_numpy(),
        "base rate": np.full(len(tested), rate),
    }
    return Trial(tested, probabilities)


def _register(final: Pipeline, rows: pd.DataFrame, held: Trial, after: Trial, nights: pd.DataFrame) -> Path:
    with tempfile.TemporaryDirectory() as folder:
        artefact, reference = Path(folder) / "model.joblib", Path(folder) / "reference.parquet"
        whole = Path(folder) / "nights.parquet"
        nights.to_parquet(whole, index=False)
        joblib.dump(final, artefact, compress=("xz", 6))
        sample(rows).to_parquet(reference, compression="zstd", index=False)
        registration = Registration(
            "flight_delay",
            artefact,
            reference,
            alias="champion",
            outcome="late",
            metrics={**held.metrics("held_out"), **after.metrics("july_december")},
            training_window=TRAINING,
            card=model_card(rows, list(features(rows).columns), held, after),
            nights=whole,
            night_column="score_date",
            score_column="out_of_fold",
        )
        return register(workspace.home(), registration).folder


if __name__ == "__main__":
    main()
