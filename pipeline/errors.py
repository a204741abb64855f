"""The root of every error that this project raises on purpose."""

import errno
import re
from collections.abc import Iterable

_DATABASE = "Database: "
_FROM = re.compile(r"[Cc]lear (?:the task )?`(extract_training|extract|ready)`")
_FULL = {errno.ENOSPC, errno.EDQUOT}
_UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}


class ScoringError(Exception):
    """Something a person has to put right; trying again unchanged would fail the same way.

    The message says what was wrong, where, and what to do. Lost connections and other passing faults keep
    their drivers' own types, so that a retry is for these alone.

    Args:
        message: what a person reads in the log.
        private: what of the message is an entity or a score; see `kept_text`.
    """

    def __init__(self, message: str = "", *, private: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.private = tuple(private)


class UsageError(ScoringError):
    """What was asked for, or how it is configured, cannot be: nothing was started."""


class NothingToDo(ScoringError):
    """The run ends early and well: there is nothing to score, or it is published already."""


def kept_text(error: BaseException) -> str:
    """What a run's row says of an error. Analysts read it, so it names no entity and no score.

    A database's own error shows the row that it refused below its first line.
    """
    text = str(error) if isinstance(error, ScoringError) else named(error, str(error).partition("\n")[0])
    for part in filter(None, getattr(error, "private", ())):
        text = text.replace(part, "[see the log]")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def task_to_clear(text: str, failed: str) -> str:
    """The task that a failed run goes on from: `extract` or `ready` where the error's text asks for a new run."""
    named = _FROM.search(text)
    return named[1] if named else failed


def at(error: BaseException, database: str) -> None:
    """Note on an error which database it came from; a driver names its host at most, and keeps its own type."""
    if database and not database_of(error):
        error.add_note(f"{_DATABASE}{database}")


def database_of(error: BaseException) -> str:
    """Which database an error came from, as `at` has noted it; empty where nobody has."""
    notes = (note for note in getattr(error, "__notes__", ()) if note.startswith(_DATABASE))
    return next(notes, "").removeprefix(_DATABASE)


def named(error: BaseException, text: str) -> str:
    """An error's text, behind the database that it came from."""
    return f"{database}: {text}" if (database := database_of(error)) else text


def unwritable(error: OSError) -> str | None:
    """What to do about a file that the operating system does not let this user write; None for any other error."""
    if error.errno in _FULL and not error.filename:  # a file that was open already, or has no name
        return (
            f"{error.strerror}: a disk of this machine is full. Make room where temporary files lie (TMPDIR) and in "
            "the store, and run it again. What was published before stays."
        )
    if error.errno not in _UNWRITABLE or not error.filename:
        return None
    return (
        f"{error.filename}: {error.strerror}. Make it writable for this user, or make room; or use a checkout of "
        "your own."
    )
