"""What holds around a model, and what a system lacks, is said."""

from pipeline.isolation import protections


def test_what_holds_is_said_and_what_does_not() -> None:
    every = dict.fromkeys(
        (protections.HIDDEN, "files", "no network", "no privileges", "no new privileges", "memory limit"),
        True,
    )
    assert "lacks" not in protections.describe(every)
    some = protections.describe({**every, "files": False})
    assert some.endswith(
        "this system lacks what it takes for: reads its environment and its version alone (Landlock)"
    )
