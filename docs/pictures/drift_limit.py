"""Draws docs/pictures/drift-limit.svg from the sample model's reference: `python docs/pictures/drift_limit.py`."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.monitoring.calibration import Scale, blocks, limit_at_rate
from pipeline.monitoring.drift import psi
from pipeline.monitoring.references import Reference

ROOT = Path(__file__).resolve().parents[2]
PROFILE = ROOT / "models" / "flight_delay" / "2" / "profile.json"
PICTURE = Path(__file__).with_name("drift-limit.svg")
RATE = 0.05
# As pipeline/monitoring/drift.py has them.
SCALE = Scale(top=0.9, least=0.1)
SMALL_PSI = 0.01
LEFT, RIGHT, TOP, BOTTOM = 70, 880, 70, 330
# What is drawn at the bottom; the axis is logarithmic.
LOWEST = 0.3
STYLE = (
    "text{font:14px system-ui,sans-serif;fill:#1f2937}.note{fill:#6b7280;font-size:12px}.block{fill:#f3f4f6}"
    ".day{fill:#64748b}.beyond{fill:#c2410c}.limit{stroke:#c2410c;stroke-width:2}.axis{stroke:#9ca3af}"
)


def largest_distances(reference: Reference) -> npt.NDArray[np.float64]:
    """The most unusual feature of each training day, measured by the days outside of its own block."""
    block = blocks(len(reference.training_days))
    statistics = np.empty((len(block), len(reference.counts)))
    for number in range(block[-1] + 1):
        inside, outside = block == number, block != number
        for place, counts in enumerate(reference.counts.values()):
            pooled = counts[outside].sum(axis=0)
            statistics[inside, place] = np.log(SMALL_PSI + psi(counts[inside], pooled))
    return SCALE.max_statistic(statistics)


def draw(reference: Reference) -> str:
    """The picture: a dot for each training day, and the line that so many of them lie above."""
    values = largest_distances(reference)
    limit = limit_at_rate(values, RATE)
    days = len(values)
    highest = np.log(values.max() / LOWEST)

    def x(day: float) -> float:
        return LEFT + (RIGHT - LEFT) * (day + 0.5) / days

    def y(value: float) -> float:
        return float(BOTTOM - (BOTTOM - TOP) * 0.96 * np.log(max(value / LOWEST, 1)) / highest)

    block = blocks(days)
    shades = "".join(
        f'<rect class="block" x="{x(first - 0.5):.0f}" y="{TOP}" width="{x(last + 0.5) - x(first - 0.5):.0f}" '
        f'height="{BOTTOM - TOP}"/>'
        for first, last in (
            (np.flatnonzero(block == n)[0], np.flatnonzero(block == n)[-1]) for n in (0, 2, 4)
        )
    )
    dots = "".join(
        f'<circle class="{"beyond" if value > limit else "day"}" cx="{x(day):.1f}" cy="{y(value):.1f}" r="3.5"/>'
        for day, value in enumerate(values)
    )
    months = "".join(
        f'<text class="note" x="{x(day):.0f}" y="{BOTTOM + 18}">{each:%B}</text>'
        for day, each in enumerate(reference.training_days)
        if each.day == 1
    )
    beyond = int((values > limit).sum())
    title = f"{days} training days, and the limit that {RATE:.0%} of them exceed"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 380" role="img"><title>{title}</title>'
        f'<style>{STYLE}</style><rect width="900" height="380" fill="#fff"/>'
        f'<text x="{LEFT}" y="26">Each dot is one training day: the most unusual of its features and its score.</text>'
        f'<text class="note" x="{LEFT}" y="48">A day is measured by the days outside of its own block, shaded here in '
        f"turn.</text>{shades}"
        f'<line class="axis" x1="{LEFT}" y1="{BOTTOM}" x2="{RIGHT}" y2="{BOTTOM}"/>{dots}'
        f'<line class="limit" x1="{LEFT}" y1="{y(limit):.1f}" x2="{RIGHT}" y2="{y(limit):.1f}"/>'
        f'<text class="note" text-anchor="end" x="{LEFT - 8}" y="{y(limit) + 4:.1f}">limit</text>'
        f'<text class="note" text-anchor="end" x="{LEFT - 8}" y="{TOP + 10}">unusual</text>'
        f'<text class="note" text-anchor="end" x="{LEFT - 8}" y="{BOTTOM}">usual</text>{months}'
        f'<text class="note" x="{LEFT}" y="{BOTTOM + 42}">{beyond} of {days} days lie above the line: the stated '
        f"rate of {RATE:.0%}. A run above it has a finding.</text></svg>\n"
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(Reference.read(PROFILE.read_bytes())))
