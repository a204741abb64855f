"""pipeline/errors.py: what is kept of an error names no entity, and every error names the database it came from."""

import errno

from pipeline.errors import ScoringError, at, database_of, kept_text, named, task_to_clear, unwritable


def test_what_is_kept_of_an_error_names_no_entity() -> None:
    error = ScoringError("failed on rows ada, bob: division by zero", private=["ada, bob"])
    assert kept_text(error) == "ScoringError: failed on rows [see the log]: division by zero"
    assert "ada" in str(error)
    assert kept_text(ValueError("duplicate key\nDETAIL: Key (ada) exists")) == "ValueError: duplicate key"
    assert kept_text(MemoryError()) == "MemoryError"
    assert kept_text(ScoringError("failed: ", private=[""])) == "ScoringError: failed: "


def test_an_error_names_the_first_database_that_was_noted() -> None:
    error = ConnectionError("refused")
    assert (database_of(error), named(error, "refused")) == ("", "refused")
    at(error, "")
    at(error, "the warehouse")
    at(error, "another")
    assert database_of(error) == "the warehouse"
    assert named(error, "refused") == "the warehouse: refused"
    assert kept_text(error) == "ConnectionError: the warehouse: refused"


def test_a_file_that_cannot_be_written_says_what_to_do() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/srv/store/part")
    assert str(unwritable(full)).startswith("/srv/store/part: No space left on device. Make it writable")
    assert "Make room" in str(unwritable(OSError(errno.ENOSPC, "No space left on device")))
    assert unwritable(OSError(errno.ENOENT, "No such file", "/srv/x")) is None
    assert unwritable(OSError(errno.EACCES, "Permission denied")) is None


def test_the_task_to_clear_is_extract_where_the_error_asks_for_a_new_run() -> None:
    assert task_to_clear("Deployed in mid-run: clear `extract`, and a new run begins", "write") == "extract"
    assert task_to_clear("the file is damaged. Clear the task `extract`.", "predict") == "extract"
    assert (
        task_to_clear("another query said so. Clear the task `ready`: it is asked again", "extract")
        == "ready"
    )
    assert task_to_clear("extract gave no rows. Load the warehouse.", "write") == "write"
