"""pipeline/retraining/environment.py: a candidate is trained with the champion's libraries, and runs where it does."""

import shutil
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from pipeline.isolation import environments
from pipeline.model import registry
from pipeline.model.files import sha256
from pipeline.model.manifest import LOCK, Manifest, PinnedVersion
from pipeline.registration import surroundings
from pipeline.retraining import environment, rehearsal, rows, train
from pipeline.retraining.team_code import RetrainingError
from tests.home import Home
from tests.pipeline.model.spoiling import edit
from tests.pipeline.retraining.shop import CODE, LAST, open_training

OTHER = "1.8.0"


def champion_of(home: Home) -> PinnedVersion:
    return registry.resolve(home.path, "shop", "champion")


def make(folder: Path, distributions: dict[str, str]) -> None:
    """An environment with the installed libraries and no others, whose scikit-learn says that it is another."""
    packages = folder / "lib" / f"python{surroundings.PYTHON}" / "site-packages"
    packages.mkdir(parents=True)
    (folder / "bin").mkdir()
    base = Path(sys.base_prefix) / "bin" / f"python{surroundings.PYTHON}"
    (folder / "bin" / "python").symlink_to(base)
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\n")
    for name in distributions:
        installed = metadata.distribution(name)
        for top in {file.parts[0] for file in installed.files or () if file.parts[0] != ".."}:
            source = Path(str(installed.locate_file(top)))
            if name == "scikit-learn" and top.endswith(".dist-info"):
                shutil.copytree(source, packages / f"scikit_learn-{OTHER}.dist-info")
                edit(
                    packages / f"scikit_learn-{OTHER}.dist-info" / "METADATA",
                    "(?m)^Version: .*",
                    f"Version: {OTHER}",
                )
            elif not (packages / top).exists():
                (packages / top).symlink_to(source)


@pytest.fixture
def other(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A job whose champion needs another scikit-learn, and has the lock of an environment that is there."""
    code = CODE.replace(
        "    columns =", "    import sys\n    print('trained in', sys.prefix)\n    columns =", 1
    )
    name = open_training(home, code=code)
    pinned = champion_of(home)
    lock = b"".join(
        f"{each}=={version} --hash=sha256:{'0' * 64}\n".encode()
        for each, version in pinned.manifest.environment.items()
    )
    (pinned.folder / LOCK).write_bytes(lock)
    edit(pinned.folder / "manifest.json", '"scikit-learn": "[^"]*"', f'"scikit-learn": "{OTHER}"')
    edit(pinned.folder / "manifest.json", '"lock_sha256": null', f'"lock_sha256": "{sha256(lock)}"')
    monkeypatch.setenv(environments.SETTING, str(tmp_path / "made"))
    make(tmp_path / "made" / f"{surroundings.PYTHON}-{sha256(lock)[:32]}", pinned.manifest.environment)
    return name


def test_a_candidate_is_trained_in_the_champions_environment(
    home: Home, other: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job, path = home.read(other), tmp_path / "rows.parquet"
    assert "with the libraries of shop version 1, for" in rehearsal.rehearse(home.workspace, job, LAST)
    read = rows.read(home.workspace, job, LAST, path)
    draft = train.train(home.workspace, job, read, path)
    manifest, champion = Manifest.model_validate_json(draft.manifest), champion_of(home).manifest
    assert f"trained in {tmp_path / 'made'}" in caplog.text
    assert (manifest.libraries, manifest.environment) == (champion.libraries, champion.environment)
    assert manifest.libraries["scikit-learn"] == OTHER
    # The same lock, which nobody had to ask an index for: it runs wherever the champion does.
    assert draft.files[LOCK].sha256 == manifest.lock_sha256 == champion.lock_sha256
    assert draft.evaluation["beside_champion"]["rows"] == 152


def test_an_environment_of_another_python_trains_nothing(home: Home, other: str) -> None:
    champion = champion_of(home)
    assert environment.interpreter(champion) != Path(sys.executable)
    foreign = replace(champion, manifest=champion.manifest.model_copy(update={"python": "3.9"}))
    made = environments.folder(home.path)
    shutil.move(next(made.iterdir()), made / f"3.9-{str(champion.manifest.lock_sha256)[:32]}")
    with pytest.raises(RetrainingError, match="runs in an environment of Python 3.9, and this is Python 3"):
        environment.interpreter(foreign)


def test_a_champion_without_a_lock_leaves_the_installed_libraries(home: Home) -> None:
    open_training(home)
    champion = champion_of(home)
    assert environment.interpreter(champion) == environment.interpreter(None) == Path(sys.executable)
    assert environment.lock_of(champion, champion.manifest) is None
