"""pipeline/serving/models/catalogue.py: which version answers as files change, and what is none."""

from pathlib import Path

from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion
from pipeline.serving.models.catalogue import Catalogue
from pipeline.serving.requests.limits import Limits
from tests.home import Home, shop_model


def test_what_is_served_follows_files_and_goes_on_where_they_are_broken(home: Home) -> None:
    estimator, _ = shop_model()
    opened = []

    def load(pinned: PinnedVersion) -> Model:
        opened.append(pinned.manifest.version)
        if pinned.manifest.version == 2:
            raise MemoryError
        return Model(pinned.manifest, estimator)

    pinned = home.model("shop", *shop_model())
    job, other = home.job("SELECT 1", "shop"), home.job("SELECT 1", "nowhere")
    catalogue = Catalogue(home.path, Limits(), (job, "missing"), load)
    assert not catalogue.ready
    catalogue.refresh()
    first = catalogue.jobs[job]
    assert (list(catalogue.jobs), first.pinned) == ([job], pinned)
    assert catalogue.problems == {"missing": f"There is no job 'missing' in {home.path / 'dags'}."}
    assert not catalogue.ready

    catalogue = Catalogue(home.path, Limits(), (job,), load)
    catalogue.refresh()
    catalogue.refresh()
    assert (catalogue.ready, opened) == (True, [1, 1]), "once by each catalogue"

    file = home.path / "dags" / f"{job}.toml"
    text = file.read_text()
    before = catalogue.jobs[job]
    file.write_text(text + '[contract]\nnull = "rejected"\n')
    catalogue.refresh()
    assert catalogue.jobs[job] is before
    assert "contract.null" in catalogue.problems[job]
    assert catalogue.ready, "a version that is open goes on"

    file.write_text(text + '[contract]\nout_of_range = "reject"\n')
    catalogue.refresh()
    changed = catalogue.jobs[job]
    assert (changed.model is before.model, changed.policy == before.policy) == (True, False)

    home.model("shop", *shop_model(seed=1))
    catalogue.refresh()
    assert catalogue.problems == {job: "MemoryError: "}
    assert catalogue.jobs[job].manifest.version == 1
    catalogue.refresh()
    assert opened == [1, 1, 2, 2], "what could not be opened is tried again"

    versions = home.path / "models" / "shop" / "versions.toml"
    versions.write_text(versions.read_text().replace("champion = 2", "champion = 1"))
    catalogue.refresh()
    assert (catalogue.problems, catalogue.jobs[job].manifest.version) == ({}, 1)
    file.unlink()
    Path(home.path / "dags" / f"{other}.toml").touch()
    catalogue.refresh()
    assert list(catalogue.jobs) == []
