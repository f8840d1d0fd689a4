# SPDX-License-Identifier: Apache-2.0
"""Instruments that are told what was measured. Loads nothing of OpenTelemetry."""

import sys
from _thread import allocate_lock
from bisect import bisect_left
from collections.abc import Sequence
from time import time_ns
from typing import Any, Final, Protocol

from dbx_otel.metrics.cells import FOLD_AT, HistogramCell, SumCell
from dbx_otel.metrics.preferences import ALL_EXEMPLARS, COUNTER, EXEMPLARS_OF_SAMPLED, HISTOGRAM, UP_DOWN_COUNTER

Attributes = tuple[tuple[str, Any], ...]
"""Pairs of name and value, hashable. The same set must always come in the same order: it is the key."""

CARDINALITY_LIMIT: Final = 2000
"""Most sets of attributes of one instrument (OpenTelemetry specification, "Metrics SDK", Cardinality limits)."""
OVERFLOW: Final = (("otel.metric.overflow", True),)
"""The set to which all others are counted once the limit is reached (as above)."""

_LARGEST = sys.float_info.max


class Elsewhere(Protocol):
    """Where an instrument's measurements go instead of its own cells."""

    def record(self, value: float, attributes: Attributes, span_context: Any) -> None:
        """Take one measurement; the span context may be `None`."""


class Synchronous:
    """What histograms, counters and up-down counters have in common.

    Args:
        kind: One of the kinds of `preferences`.
        scope: The library that measures.
        name: Name of the metric.
        unit: Unit, in UCUM's notation.
        description: What is measured.

    Attributes:
        cells: What was measured, by attributes.
        exemplars: Which measurements may become exemplars, as in `preferences`.
        lock: Held by who folds cells.
        elsewhere: Takes all measurements instead, if set.
    """

    __slots__ = ("cells", "description", "elsewhere", "exemplars", "kind", "lock", "name", "scope", "unit")

    def __init__(self, kind: str, scope: Any, name: str, unit: str, description: str) -> None:
        self.kind = kind
        self.scope = scope
        self.name = name
        self.unit = unit
        self.description = description
        self.exemplars = EXEMPLARS_OF_SAMPLED
        self.elsewhere: Elsewhere | None = None
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget all that was measured: this is another process."""
        self.lock = allocate_lock()
        self.cells: dict[Attributes, Any] = {}

    def _cell(self, attributes: Attributes) -> Any:
        """Return the cell of a set of attributes that had none when it was looked for."""
        cells = self.cells
        if len(cells) >= CARDINALITY_LIMIT - 1 and attributes not in cells:
            attributes = OVERFLOW
        return cells.setdefault(attributes, self._new_cell())

    def _new_cell(self) -> Any:
        raise NotImplementedError

    def _fold(self, cell: Any) -> None:
        # Who holds the lock may be what this very call has interrupted.
        if self.lock.acquire(blocking=False):
            try:
                cell.fold()
            finally:
                self.lock.release()


class Histogram(Synchronous):
    """Distributions of values, with an exemplar for each bucket.

    Args:
        scope: The library that measures.
        name: Name of the metric.
        unit: Unit, in UCUM's notation.
        description: What is measured.
        boundaries: Upper bounds of the buckets, inclusive, rising.
        heeds_suppression: Whether to record nothing where instrumentation is suppressed and no span is given.
    """

    __slots__ = ("boundaries", "heeds_suppression")

    def __init__(
        self,
        scope: Any,
        name: str,
        unit: str,
        description: str,
        boundaries: Sequence[float],
        *,
        heeds_suppression: bool = False,
    ) -> None:
        self.boundaries = tuple(boundaries)
        self.heeds_suppression = heeds_suppression
        super().__init__(HISTOGRAM, scope, name, unit, description)

    def record(self, value: float, attributes: Attributes, span_context: Any = None) -> None:
        """Record a value. One that is negative or not finite is left out, as in the SDK.

        Args:
            value: The value.
            attributes: Pairs of name and value, hashable, always in the same order.
            span_context: Context of the span it was measured in; that of the current span if `None`.
        """
        if not 0 <= value <= _LARGEST:
            return
        if span_context is None and self.heeds_suppression and _is_suppressed():
            return
        if self.elsewhere is not None:
            self.elsewhere.record(value, attributes, span_context)
            return
        try:
            cell = self.cells[attributes]
        except KeyError:
            cell = self._cell(attributes)
        pending = cell.pending
        pending.append(value)
        if self.exemplars:
            if span_context is None:
                span_context = _current_span_context()
            if (span_context is not None and span_context.trace_flags & 1) or self.exemplars == ALL_EXEMPLARS:
                cell.exemplars[bisect_left(self.boundaries, value)] = (value, time_ns(), span_context)
        if len(pending) >= FOLD_AT:
            self._fold(cell)

    def _new_cell(self) -> HistogramCell:
        return HistogramCell(self.boundaries)


class Counter(Synchronous):
    """A sum that only rises.

    Args:
        scope: The library that measures.
        name: Name of the metric.
        unit: Unit, in UCUM's notation.
        description: What is counted.
    """

    __slots__ = ()

    def __init__(self, scope: Any, name: str, unit: str, description: str) -> None:
        super().__init__(COUNTER, scope, name, unit, description)

    def add(self, value: float, attributes: Attributes) -> None:
        """Add a value. One that is negative or not finite is left out, as in the SDK.

        Args:
            value: The value.
            attributes: Pairs of name and value, hashable, always in the same order.
        """
        if 0 <= value <= _LARGEST:
            self._add(value, attributes)

    def hand_over(self) -> None:
        """Tell `elsewhere`, if set, what was added before: what is taken off a sum later must be in it."""
        if self.elsewhere is None:
            return
        cells, self.cells = self.cells, {}
        with self.lock:
            for attributes, cell in cells.items():
                cell.fold()
                self.elsewhere.record(cell.value, attributes, None)

    def _add(self, value: float, attributes: Attributes) -> None:
        if self.elsewhere is not None:
            self.elsewhere.record(value, attributes, None)
            return
        try:
            cell = self.cells[attributes]
        except KeyError:
            cell = self._cell(attributes)
        pending = cell.pending
        pending.append(value)
        if len(pending) >= FOLD_AT:
            self._fold(cell)

    def _new_cell(self) -> SumCell:
        return SumCell()


class UpDownCounter(Counter):
    """A sum that rises and falls.

    Args:
        scope: The library that measures.
        name: Name of the metric.
        unit: Unit, in UCUM's notation.
        description: What is counted.
    """

    __slots__ = ()

    def __init__(self, scope: Any, name: str, unit: str, description: str) -> None:
        super().__init__(scope, name, unit, description)
        self.kind = UP_DOWN_COUNTER

    def add(self, value: float, attributes: Attributes) -> None:
        """Add a value, which may be negative. One that is not finite is left out, as in the SDK.

        Args:
            value: The value.
            attributes: Pairs of name and value, hashable, always in the same order.
        """
        if -_LARGEST <= value <= _LARGEST:
            self._add(value, attributes)


def _current_span_context() -> Any:
    """Return the context of the current span, or `None` where nobody can have begun one."""
    trace = sys.modules.get("opentelemetry.trace")
    return trace.get_current_span().get_span_context() if trace is not None else None


def _is_suppressed() -> bool:
    """Tell whether instrumentation is suppressed, in either of the ways that OpenTelemetry does it."""
    context = sys.modules.get("opentelemetry.context")
    if context is None:
        return False
    current = context.get_current()
    # "Plain" is what contrib's `suppress_instrumentation` sets beside the other.
    return bool(current.get("suppress_instrumentation") or current.get(context._SUPPRESS_INSTRUMENTATION_KEY))  # noqa: SLF001 -- the API has no other name for it
