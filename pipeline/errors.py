"""The root of every error that this project raises on purpose."""


class ScoringError(Exception):
    """Something a person has to put right; trying again unchanged would fail the same way.

    The message says what was wrong, where, and what to do. Lost connections and other passing faults keep
    their drivers' own types, so that a retry is for these alone.
    """


class UsageError(ScoringError):
    """What was asked for, or how it is configured, cannot be: nothing was started."""


class NothingToDo(ScoringError):
    """The run ends early and well: there is nothing to score, or it is published already."""
