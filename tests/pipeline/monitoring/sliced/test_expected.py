"""pipeline/monitoring/sliced/expected.py: what befalls one value is far, what befalls all alike is not."""

import numpy as np

from pipeline.monitoring.sliced.expected import psi

# Two values and the other rows, in three bins.
TRAINING = np.array([[500, 300, 200], [100, 800, 100], [1000, 1000, 1000]])


def test_only_the_value_that_moved_is_far() -> None:
    same, moved = TRAINING // 10, TRAINING // 10
    assert psi(same, TRAINING, 20).max() < 0.01
    moved = np.array([[0, 0, 100], *moved[1:]])
    assert psi(moved, TRAINING, 20)[0] > 1 > 10 * psi(moved, TRAINING, 20)[1]


def test_what_moves_all_rows_alike_is_expected() -> None:
    tilted = TRAINING * np.array([1, 1, 4]) // 10
    assert psi(tilted, TRAINING, 20).max() < 0.05


def test_few_rows_are_near_what_is_expected() -> None:
    several = [psi(np.array([[0, 0, rows], *TRAINING[1:] // 10]), TRAINING, 20)[0] for rows in (0, 1, 5, 50)]
    assert several[0] == 0
    assert several == sorted(several)
    assert several[1] < 0.02
