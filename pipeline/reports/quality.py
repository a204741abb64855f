"""Where the quality alarm stands after a score date, in a sentence."""

from collections.abc import Mapping


def sentence(outcomes: Mapping[str, float]) -> str | None:
    """What the outcomes until this date say of the model; None where they say nothing, or were not measured."""
    evidence = outcomes.get("quality_evidence")
    if outcomes.get("quality_reference"):
        return "This score date is one of the first, which say what is ordinary: later ones are compared with it."
    if evidence is None:
        return None
    if outcomes.get("quality_alarm"):
        return "The outcomes until this score date are worse than those of training: the quality alarm is on."
    return f"The outcomes until this score date are as in training: the evidence is at {evidence:.2f} of its limit."


def alarm(outcomes: Mapping[str, float]) -> str | None:
    """The same, only where the alarm is on."""
    return sentence(outcomes) if outcomes.get("quality_alarm") else None
