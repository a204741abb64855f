"""Two sets of rows held against one another, of any size, in bounded memory.

Rows go to buckets by the digest of their entity, so that both rows of an entity meet in one. What does not fit into
memory lies in temporary files. A bucket that has too many rows is dealt out to buckets of its own.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Self

import numpy as np

from pipeline.late_data.digests import KEYS, Digests

# Of each side: a bucket takes one of so many values of a piece of the digest.
_BUCKETS = 64
_BITS = 6
# So many bytes of each bucket stay in memory, and so many of one are compared at once.
_BYTES = 512 * 1024
_COMPARED = 32 * 1024 * 1024
# Digests have no more pieces than that: rows that still share a bucket are of one entity.
_DEPTH = 64 // _BITS
_AT_ONCE = 65_536


@dataclass(frozen=True)
class Counts:
    """How two sets of rows differ.

    Attributes:
        new: rows of now whose entity was not there then.
        gone: rows of then whose entity is not there now, or more than once.
        changed: rows with another value.
        doubled: entities that are there more than once now.
        doubled_rows: their rows.
        columns: for each column the rows in which its value is another.
    """

    new: int
    gone: int
    changed: int
    doubled: int
    doubled_rows: int
    columns: tuple[int, ...]

    def __add__(self, other: Self) -> "Counts":
        pairs = zip(self.columns, other.columns, strict=True)
        return Counts(
            self.new + other.new,
            self.gone + other.gone,
            self.changed + other.changed,
            self.doubled + other.doubled,
            self.doubled_rows + other.doubled_rows,
            tuple(one + another for one, another in pairs),
        )


class _Side:
    """The rows of one side, in buckets."""

    def __init__(self, width: int, depth: int, files: ExitStack) -> None:
        self._width, self._shift = width, np.uint64(64 - _BITS * (depth + 1))
        self._files: list[IO[bytes]] = []
        for _ in range(_BUCKETS):
            file = tempfile.SpooledTemporaryFile(_BYTES)  # noqa: SIM115 - the stack closes it
            self._files.append(files.enter_context(file))
        self.rows = [0] * _BUCKETS

    def add(self, rows: Digests) -> None:
        """Deal out rows."""
        buckets = (rows[:, 0] >> self._shift) % np.uint64(_BUCKETS)
        order = np.argsort(buckets, kind="stable")
        ends = np.searchsorted(buckets[order], np.arange(_BUCKETS + 1, dtype=np.uint64))
        for bucket in np.flatnonzero(np.diff(ends)):
            dealt = rows[order[ends[bucket] : ends[bucket + 1]]]
            self._files[bucket].write(dealt.tobytes())
            self.rows[bucket] += len(dealt)

    def read(self, bucket: int, rows: int = _AT_ONCE) -> Iterator[Digests]:
        """A bucket's rows, so many at a time."""
        file = self._files[bucket]
        file.seek(0)
        while content := file.read(rows * self._width * 8):
            yield np.frombuffer(content, np.uint64).reshape(-1, self._width)

    def whole(self, bucket: int) -> Digests:
        """All rows of a bucket."""
        return np.concatenate([np.empty((0, self._width), np.uint64), *self.read(bucket)])


class Comparison:
    """Takes rows of then and of now in any order, and counts how they differ. Rows of then have an entity each."""

    def __init__(self, columns: int, most: int | None = None, *, depth: int = 0) -> None:
        """Begin with no rows.

        Args:
            columns: how many values a row has.
            most: rows of a bucket that are compared at once; as many as their width lets be, unless given.
            depth: how many pieces of the digest are the same in all rows.
        """
        self._columns, self._depth = columns, depth
        self._most = most or _COMPARED // (8 * (KEYS + columns))
        self._files = ExitStack()
        self._then, self._now = (_Side(KEYS + columns, depth, self._files) for _ in range(2))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._files.close()

    def then(self, rows: Digests) -> None:
        """Take rows as they were."""
        self._then.add(rows)

    def now(self, rows: Digests) -> None:
        """Take rows as they are."""
        self._now.add(rows)

    def count(self) -> Counts:
        """How the rows that were taken differ."""
        counts = Counts(0, 0, 0, 0, 0, (0,) * self._columns)
        for bucket in range(_BUCKETS):
            rows = self._then.rows[bucket] + self._now.rows[bucket]
            if rows > self._most and self._depth + 1 < _DEPTH:
                counts += self._dealt(bucket)
            elif rows:
                counts += compare(self._then.whole(bucket), self._now.whole(bucket))
        return counts

    def _dealt(self, bucket: int) -> Counts:
        with Comparison(self._columns, self._most, depth=self._depth + 1) as smaller:
            for rows in self._then.read(bucket):
                smaller.then(rows)
            for rows in self._now.read(bucket):
                smaller.now(rows)
            return smaller.count()


def compare(then: Digests, now: Digests) -> Counts:
    """How rows differ that fit into memory."""
    rows = np.concatenate([then, now])
    is_now = np.arange(len(rows)) >= len(then)
    order = np.lexsort((is_now, rows[:, 1], rows[:, 0]))
    rows, is_now = rows[order], is_now[order]
    starts = np.flatnonzero(np.append(True, (rows[1:, :KEYS] != rows[:-1, :KEYS]).any(axis=1)))
    of_now = np.add.reduceat(is_now.astype(np.int64), starts)
    of_then = np.diff(np.append(starts, len(rows))) - of_now
    both = starts[(of_then == 1) & (of_now == 1)]
    differs = rows[both, KEYS:] != rows[both + 1, KEYS:]
    return Counts(
        new=int(((of_then == 0) & (of_now == 1)).sum()),
        gone=int(of_then[of_now != 1].sum()),
        changed=int(differs.any(axis=1).sum()),
        doubled=int((of_now > 1).sum()),
        doubled_rows=int(of_now[of_now > 1].sum()),
        columns=tuple(int(number) for number in differs.sum(axis=0)),
    )
