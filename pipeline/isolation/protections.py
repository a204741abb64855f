"""Which protections hold around a model on this machine, in words."""

from collections.abc import Mapping

HIDDEN = "the task's memory and environment are hidden"

# What `pipeline.worker.protection.shut_in` calls each, and what it means where it holds.
_WORDS = {
    HIDDEN: "cannot read the task's memory or environment",
    "files": "reads its environment and its version alone (Landlock)",
    "no network": "opens no connection, starts no program and signals no other process (seccomp)",
    "no privileges": "has none of root's privileges",
    "no new privileges": "gains none",
    "memory limit": "has a memory limit",
}


def describe(held: Mapping[str, bool]) -> str:
    """What a model's process can and cannot do on this machine."""
    holds = [words for name, words in _WORDS.items() if held.get(name)]
    lacks = [words for name, words in _WORDS.items() if not held.get(name)]
    sentence = f"of its own, with no credential in it; it {', '.join(holds) or 'is not shut in'}"
    return f"{sentence}; this system lacks what it takes for: {', '.join(lacks)}" if lacks else sentence
