"""pipeline/recovery/loading.py: a run is loaded with what its files bear out, and no more."""

from pipeline.recovery.rebuild import Rebuilt
from tests.pipeline.recovery.rescue import Rescue, forget, live


def test_what_was_erased_after_the_backup_does_not_come_back(rescue: Rescue) -> None:
    rescue.back_up()
    live(rescue)
    forget(rescue, "customer-00007")
    forget(rescue, "customer-00041")  # among the rejected rows
    before = rescue.seen()
    assert not any("customer-00007" in row["to_jsonb"] for name in before for row in before[name])
    rescue.restore()
    assert any("customer-00007" in row["to_jsonb"] for row in rescue.seen()["predictions"])
    done = rescue.rebuild()
    assert len(done.notes) == 2
    assert all("erase again" in note for note in done.notes)
    after = rescue.seen()
    # A fallback's ledger has the digest of the file that it serves, which its source's erasure rewrote.
    assert {name: rows for name, rows in after.items() if name != "run_parts"} == {
        name: rows for name, rows in before.items() if name != "run_parts"
    }
    assert rescue.rebuild() == Rebuilt()
