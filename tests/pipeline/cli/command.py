"""A command, run in this process."""

from collections.abc import Callable

# The arguments; the exit code, what it printed, and what it complained of.
Command = Callable[..., tuple[int, str, str]]
