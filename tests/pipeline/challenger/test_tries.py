"""pipeline/challenger/tries.py: whatever a challenger does, what is published is as it would be without one."""

import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from pipeline.__main__ import app
from pipeline.challenger import tries
from pipeline.challenger.tries import Outcome, Try
from pipeline.errors import NothingToDo
from pipeline.maintenance import erasure
from pipeline.store.layout import RunRef
from tests.home import NIGHT, Home, shop_rows
from tests.pipeline.challenger import hostile
from tests.pipeline.evaluation.shop import opened
from tests.pipeline.shop import Shop

SECTION = '\n[challenger]\nalias = "challenger"\ntime_limit_minutes = {minutes}\n'


@pytest.fixture
def told(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Shop, Path]:
    """A shop whose published night has no challenger yet, and the file that its challenger obeys."""
    path = tmp_path / "told"
    monkeypatch.setenv("SCORING_MODEL_READS", str(path))
    shop = opened(home, shop_rows())
    hostile.register(home, path)
    name_challenger(shop)
    return shop, path


def name_challenger(shop: Shop, minutes: float = 5) -> None:
    path = shop.home.path / "dags" / f"{shop.job}.toml"
    path.write_text(path.read_text().partition("\n[challenger]")[0] + SECTION.format(minutes=minutes))


def challenge(shop: Shop, run_id: int | None = None) -> str:
    run_id = run_id or shop.runs()[-1]["run_id"]
    return tries.whole(shop.home.workspace, shop.home.read(shop.job), run_id)


def kept(shop: Shop) -> dict[str, Any]:
    """What is kept of the last challenger."""
    query = "SELECT * FROM scoring.challenger_quality WHERE job = :job ORDER BY run_id DESC LIMIT 1"
    return shop.home.sql(query, "analyst", job=shop.job)[0]


def files(shop: Shop) -> list[Path]:
    return sorted(Path(shop.home.store).rglob("challenger-*.parquet"))


def published(shop: Shop) -> tuple[Any, ...]:
    """What a run leaves: its ledger, but for times and its own number, and every prediction."""
    run_id = shop.runs()[-1]["run_id"]
    query = """
        SELECT part, rows_extracted, rows_rejected, rows_scored, input_sha256, scored_sha256
        FROM scoring.run_parts WHERE run_id = :run_id ORDER BY part"""
    scores = shop.predictions()[["entity_id", "score", "label"]]
    return shop.status(run_id), shop.home.sql(query, run_id=run_id), scores.to_csv(float_format="%a")


# What it does -> how the reason goes on for which it has no scores.
MISCHIEF = {
    "exits": ("os._exit(0)", "has ended its own process, with exit code 0"),
    "is killed": ("os.kill(os.getpid(), 9)", "was killed, as the system does where memory runs out"),
    "crashes": ("ctypes.string_at(0)", "crashed in native code .SIGSEGV"),
    "eats memory": ("np.ones(10**9)", "MemoryError: .*allocate"),
    "raises": ("1 / 0", "failed on rows .*: ZeroDivisionError"),
    "gives other shapes": ("np.ones((len(rows), 3)) / 3", "got scores of shape .*, 3., expected"),
    "gives no numbers": ("np.full((len(rows), 2), np.nan)", "rows got no usable score"),
    "writes into its channels": ("scribble()", "gave an answer that cannot be read"),
}


def test_whatever_a_challenger_does_the_same_bytes_are_published(
    told: tuple[Shop, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, path = told
    monkeypatch.setenv("SCORING_MODEL_MEMORY", "1500")
    before = published(shop)
    for what, (code, reason) in MISCHIEF.items():
        path.write_text(code)
        assert re.search(reason, failure := challenge(shop)), (what, failure)
        assert (kept(shop)["status"], kept(shop)["reason"]) == ("failed", failure), what
        assert (published(shop), files(shop)) == (before, []), what
    # And one that does nothing but print, of which none of that is left.
    path.write_text("os.write(1, bytes(range(256)) * 99) and None")
    assert challenge(shop) == ""
    assert (kept(shop)["status"], kept(shop)["reason"]) == ("scored", None)
    assert published(shop) == before
    assert len(files(shop)) == 3
    with pytest.raises(NothingToDo, match=r"run \d+ was scored by shop version 2 before"):
        challenge(shop)


def test_an_end_that_is_noted_twice_keeps_the_scores(told: tuple[Shop, Path]) -> None:
    shop, path = told
    path.write_text("None")
    place, job = shop.home.workspace, shop.home.read(shop.job)
    work = tries.begin(place, job, shop.runs()[-1]["run_id"])
    outcome = tries.attempt(place, job, work)
    left = Path(shop.home.store, RunRef.of(work).folder, "challenger-00000.parquet.0123456789abcdef.tmp")
    left.write_bytes(b"by a try that was killed")
    # As where the database's answer to the first was lost, or its task was killed after it.
    assert [tries.end(place, work, outcome) for _ in range(2)] == ["", ""]
    assert tries.end(place, work, Outcome(failure=tries.KILLED)) == ""
    assert (kept(shop)["status"], len(files(shop)), left.exists()) == ("scored", 3, False)


def test_the_command_publishes_the_same_bytes_beside_one_that_hangs(told: tuple[Shop, Path]) -> None:
    shop, path = told
    before = published(shop)
    path.write_text("time.sleep(3600)")
    name_challenger(shop, 0.02)  # another job file: a new run
    done = CliRunner().invoke(app, ["score", shop.job, str(NIGHT)])
    assert done.exit_code == 0, done.output
    run_id = shop.runs()[-1]["run_id"]
    words = (
        f"run {run_id} stays published, its challenger failed: WorkerError: model shop version 2 was not done"
    )
    assert f"run {run_id} published: {shop.job} {NIGHT}, 100 rows scored" in done.output
    assert words in done.output
    assert "Raise challenger.time_limit_minutes" in done.output
    assert len(shop.runs()) == 2
    assert published(shop) == before


def test_a_run_that_nobody_sees_and_one_without_a_challenger_have_none(told: tuple[Shop, Path]) -> None:
    shop, _ = told
    with pytest.raises(NothingToDo, match="a dry run"):
        shop.home.score(shop.job, dry_run=True)
    with pytest.raises(NothingToDo, match="is abandoned, served by model: only one that"):
        challenge(shop)
    held = shop.hold()
    assert challenge(shop, held) == ""
    name_challenger(shop)
    path = shop.home.path / "dags" / f"{shop.job}.toml"
    path.write_text(path.read_text().partition("\n[challenger]")[0])
    with pytest.raises(NothingToDo, match=r"has no section \[challenger\]"):
        challenge(shop)


def test_scores_of_rows_that_were_erased_meanwhile_are_not_kept(told: tuple[Shop, Path]) -> None:
    shop, _ = told
    workspace, job, run_id = shop.home.workspace, shop.home.read(shop.job), shop.runs()[-1]["run_id"]
    work = tries.begin(workspace, job, run_id)
    outcome = tries.attempt(workspace, job, work)
    janitor = shop.home.server.connections["predictions_janitor"]
    # While it scores, an erasure leaves the run alone, and says so.
    receipt = erasure.erase(janitor, workspace.store, shop.job, "customer-00007", by="ada", reason="asked")
    assert (receipt.prediction_rows, receipt.in_work) == (0, (run_id,))
    # One that came first has other digests.
    stale = work.model_copy(
        update={"parts": tuple(part.model_copy(update={"sha256": "0" * 64}) for part in work.parts)}
    )
    assert "an erasure has rewritten them meanwhile" in tries.end(workspace, stale, outcome)
    assert files(shop) == []
    assert kept(shop)["status"] == "failed"
    assert challenge(shop) == ""
    receipt = erasure.erase(janitor, workspace.store, shop.job, "customer-00007", by="ada", reason="asked")
    assert (receipt.prediction_rows, receipt.parts, receipt.in_work) == (1, 1, ())
    entities = [name for path in files(shop) for name in pq.read_table(path)["entity_id"].to_pylist()]
    assert len(entities) == 99
    assert "customer-00007" not in entities
    digests = "SELECT sha256, sha256_next FROM scoring.challenge_parts WHERE run_id = :run_id ORDER BY part"
    lines = shop.home.sql(digests, run_id=run_id)
    assert [line["sha256"] for line in lines] == [
        sha256(path.read_bytes()).hexdigest() for path in files(shop)
    ]
    assert {line["sha256_next"] for line in lines} == {None}


def test_a_try_that_ends_after_another_began_changes_nothing(told: tuple[Shop, Path]) -> None:
    shop, _ = told
    workspace, job, run_id = shop.home.workspace, shop.home.read(shop.job), shop.runs()[-1]["run_id"]
    late = tries.begin(workspace, job, run_id)
    assert Try.read(late.json_value()) == late
    assert challenge(shop) == ""
    # There are scores, and they stay.
    assert tries.end(workspace, late, Outcome()) == ""
    assert (kept(shop)["status"], len(files(shop))) == ("scored", 3)
