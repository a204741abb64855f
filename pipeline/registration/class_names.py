"""The class names of every registered multiclass model, entered into the predictions database."""

from pathlib import Path

from pipeline.databases import postgres
from pipeline.model import registry
from pipeline.model.artifact import ModelError
from pipeline.model.manifest import PinnedVersion
from pipeline.runs import ledger


def enter(database_url: str, home: Path) -> None:
    """Enter the classes of all registered versions, so that probabilities of runs before have names, too.

    A version that cannot be read is left out: a run that scores with it enters its classes, or fails and says why.

    Args:
        database_url: the predictions database, as its owner.
        home: the folder that holds models/.
    """
    with postgres.engine(database_url).begin() as connection:
        for file in sorted((home / "models").glob("*/versions.toml")):
            for pinned in _versions(home, file.parent.name):
                ledger.enter_classes(connection, pinned.sha256, ledger.class_names(pinned.manifest))


def _versions(home: Path, name: str) -> list[PinnedVersion]:
    try:
        pins, _ = registry.versions(home, name)
        return [registry.resolve(home, name, "", version) for version in sorted(pins)]
    except ModelError:
        return []
