"""An error becomes text, whatever its own methods do, and text alone comes back."""

import json

from pipeline.worker.failures import EstimatorError, Failure, kind_of


class Rude(ValueError):
    """An error whose own methods fail."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    @property
    def name(self) -> str:
        """What an import error has."""
        raise RuntimeError("no")


def test_what_an_error_is_survives_its_way() -> None:
    for error in (ModuleNotFoundError("no shop", name="shop"), UnicodeError("\ud800"), Rude()):
        failure = Failure.of(error)
        assert Failure.read(json.loads(json.dumps(failure.message()))) == failure
        assert failure.is_a(Exception, KeyError)
        assert kind_of(EstimatorError(failure)) == kind_of(error) == type(error).__name__
    assert Failure.of(ModuleNotFoundError("no shop", name="shop")).module == "shop"
    assert Failure.of(Rude()).text == ""
    assert Failure.read({"kind": 3, "kinds": None}) == Failure("3", "", ())
