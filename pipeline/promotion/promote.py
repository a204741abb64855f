"""Points an alias at another version: on evidence, by one line of versions.toml, and back again.

The record of the evidence is written before the line, so that a line that has moved has one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import NothingToDo, ScoringError, UsageError
from pipeline.model import registry
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring.first_run import record
from pipeline.monitoring.first_run.record import Promotion
from pipeline.promotion.evidence import Gathered
from pipeline.registration import versions_file


class PromotionError(ScoringError):
    """A version that is not promoted, because the evidence does not say that it is better."""


@dataclass(frozen=True)
class AliasChange:
    """An alias that is to name another version.

    Attributes:
        name: the model's name.
        alias: the alias.
        former: the version that the alias names.
        version: the one that it is to name, loaded: its golden rows have their scores.
        pinned: the same in the model store.
    """

    name: str
    alias: str
    former: PinnedVersion
    version: Model
    pinned: PinnedVersion


def planned(home: Path, name: str, alias: str, version: int) -> AliasChange:
    """Look up both versions, and load the new one as a run would.

    Raises:
        ModelError: there is no such model, alias or version, or the version cannot be loaded.
        NothingToDo: the alias names the version already.
    """
    former = registry.resolve(home, name, alias)
    if former.manifest.version == version:
        raise NothingToDo(f"{name}: {alias} names version {version} already")
    pinned = registry.resolve(home, name, "", version)
    return AliasChange(name, alias, former, registry.load(pinned), pinned)


def require_evidence(wanted: AliasChange, gathered: Sequence[Gathered], reason: str) -> None:
    """Refuse a version that the evidence of some job does not call better, unless somebody says why.

    Raises:
        PromotionError: it does not, and nobody did.
    """
    if any(map(str.isalnum, reason)):
        return
    label, remedy = wanted.pinned.manifest.label, 'To promote it all the same: --reason "WHY".'
    if not gathered:
        raise PromotionError(
            f"{label} is not promoted: no job follows {wanted.alias}, so there is no evidence. {remedy}"
        )
    for each in gathered:
        if each.verdict == "none":
            raise PromotionError(f"{label} is not promoted: {each.job.name} gives no evidence. {remedy}")
        if each.verdict != "better":
            raise PromotionError(
                f"{label} is not promoted: by the outcomes of {each.job.name} it is {each.verdict}, and not "
                f"better. {remedy}"
            )


def promote(
    home: Path, wanted: AliasChange, gathered: Sequence[Gathered], *, by: str, login: str, reason: str
) -> tuple[Path, str]:
    """Write the record and move the alias; returns the record's path, and the line that changed as a diff.

    Args:
        home: the folder that holds models/.
        wanted: what is promoted.
        gathered: its evidence.
        by: who promotes, as stated.
        login: the session user of the predictions database; empty where none was asked.
        reason: why, where somebody gave a reason.

    Raises:
        UsageError: nobody says who promotes.
        ModelError: the alias was moved meanwhile.
    """
    if not any(map(str.isalnum, by)):
        raise UsageError(f"the name {by!r} says nothing: it has no letter and no digit. Give one: --by NAME")
    former, version = wanted.former.manifest.version, wanted.pinned.manifest.version
    promotion = Promotion(
        model=wanted.name,
        alias=wanted.alias,
        version=version,
        sha256=wanted.pinned.sha256,
        former=former,
        former_sha256=wanted.former.sha256,
        by=by,
        login=login,
        reason=reason,
        jobs=tuple(each.evidence for each in gathered if each.evidence),
    )
    path = record.path(home, wanted.name, wanted.alias, version)
    proof = path, promotion.content()
    return path, versions_file.point(home, wanted.name, wanted.alias, former, version, proof)


def undo(home: Path, name: str, alias: str) -> tuple[Promotion, str]:
    """Point an alias at the version before again; returns the promotion, and the line that changed as a diff.

    Raises:
        UsageError: no promotion is recorded, or its record cannot be used.
        ModelError: the version before is no longer registered with the same bytes, or cannot be loaded.
    """
    pinned = registry.resolve(home, name, alias)
    promotion = record.read(home, alias, pinned)
    if promotion is None:
        file = record.path(home, name, alias, pinned.manifest.version)
        raise UsageError(
            f"no promotion of {pinned.manifest.label} to {alias} is recorded: {file} is not there. Set the line "
            f"{alias} in versions.toml, or promote another version."
        )
    registry.load(registry.pin(home, name, promotion.former, promotion.former_sha256))
    return promotion, versions_file.point(home, name, alias, promotion.version, promotion.former)
