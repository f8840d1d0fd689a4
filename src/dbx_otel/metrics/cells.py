# SPDX-License-Identifier: Apache-2.0
"""Cells: what one instrument has measured for one set of attributes.

A measurement is appended to the cell's `pending` list, and folded into the totals later, many at a time. `list.append`,
`list[:n]` and `del list[:n]` are each atomic in CPython, also without the GIL, appends go to the end, and only who
holds the instrument's lock folds: so nothing is lost, and recording waits for no lock. It may hence be done from a
signal handler or a finalizer that has interrupted just that.
"""

from bisect import bisect_right
from collections.abc import Sequence
from math import inf
from time import time_ns
from typing import Any

FOLD_AT = 64
"""Measurements after which who records folds."""


class SumCell:
    """What was added for one set of attributes.

    Attributes:
        pending: What has been added but is not in `value` yet.
        start: From when `value` counts, in nanoseconds since the epoch.
        value: The sum.
        changed: Whether anything was added since the sum was taken.
    """

    __slots__ = ("changed", "pending", "start", "value")

    def __init__(self) -> None:
        self.pending: list[float] = []
        self.start = time_ns()
        self.value: float = 0
        self.changed = False

    def fold(self) -> None:
        """Add what is pending. The caller holds the instrument's lock."""
        pending = self.pending
        size = len(pending)
        if not size:
            return
        values = pending[:size]
        del pending[:size]
        self.value = sum(values, self.value)
        self.changed = True

    def begin_anew(self, now: int) -> None:
        """Count from now on.

        Args:
            now: Nanoseconds since the epoch.
        """
        self.start = now
        self.value = 0
        self.changed = False


class HistogramCell:
    """The distribution of what was measured for one set of attributes.

    Attributes:
        boundaries: Upper bounds of the buckets, inclusive.
        pending: What has been measured but is in no bucket yet.
        exemplars: The last exemplar of a bucket, by its number: value, time, span context or `None`.
        start: From when it counts, in nanoseconds since the epoch.
        counts: How many values fall into each bucket.
        sum: Sum of the values.
        min: The smallest of them; infinite where there are none.
        max: The largest, likewise.
    """

    __slots__ = ("boundaries", "counts", "exemplars", "max", "min", "pending", "start", "sum")

    def __init__(self, boundaries: Sequence[float]) -> None:
        self.boundaries = boundaries
        self.pending: list[float] = []
        self.exemplars: dict[int, tuple[float, int, Any]] = {}
        self.start = time_ns()
        self.counts = [0] * (len(boundaries) + 1)
        self.sum: float = 0
        self.min: float = inf
        self.max: float = -inf

    def fold(self) -> None:
        """Put what is pending into buckets. The caller holds the instrument's lock."""
        pending = self.pending
        size = len(pending)
        if not size:
            return
        values = pending[:size]
        del pending[:size]
        self.sum = sum(values, self.sum)
        values.sort()
        self.min = min(self.min, values[0])
        self.max = max(self.max, values[-1])
        counts = self.counts
        below = 0
        for bucket, bound in enumerate(self.boundaries):
            upto = bisect_right(values, bound, below)
            counts[bucket] += upto - below
            below = upto
            if below == size:
                return
        counts[-1] += size - below

    def begin_anew(self, now: int) -> None:
        """Count from now on.

        Args:
            now: Nanoseconds since the epoch.
        """
        self.start = now
        self.counts = [0] * (len(self.boundaries) + 1)
        self.sum = 0
        self.min = inf
        self.max = -inf
