"""A candidate of the shop's model without a training: what is registered, as a draft."""

from datetime import date
from typing import Any

from pipeline.candidates import content, ledger
from pipeline.candidates.candidate import Candidate, Draft
from pipeline.model.manifest import PROFILE, REFERENCE
from tests.home import Home, shop_model

EVALUATION = {"rows": 400, "dates": 8, "folds": 4, "candidate": {"log_loss": 0.5}, "champion_note": "none"}


def drafted(home: Home, job: str = "shop", **changed: Any) -> Draft:
    """A draft of the shop's model, whose files are in the store."""
    pinned = home.model("shop", *shop_model(), outcome="bought", alias="champion")
    manifest = pinned.manifest.model_copy(update={"version": 0})
    names = (manifest.artefact, REFERENCE, PROFILE)
    files = content.put("shop", {name: (pinned.folder / name).read_bytes() for name in names})
    values = {
        **dict.fromkeys(("data_sha256", "query_sha256", "outcomes_sha256", "code_sha256", "job_sha256"), "0" * 64),
        "job": job, "model": "shop", "manifest": manifest.model_dump_json(), "card": "# A card\n", "files": files,
        "training_start": date(2024, 1, 1), "training_end": date(2024, 1, 31), "rows": 400, "query": "SELECT 1",
        "function": "training.py:train", "code_version": "0" * 16, "evaluation": EVALUATION,
    }  # fmt: skip
    return Draft.model_validate({**values, **changed})


def entered(home: Home, job: str = "shop", **changed: Any) -> Candidate:
    """Such a candidate, in the database."""
    uri = home.workspace.predictions
    return ledger.find(uri, job, ledger.enter(uri, drafted(home, job, **changed), "a test"))
