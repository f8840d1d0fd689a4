# SPDX-License-Identifier: Apache-2.0
"""Data points of what our instruments have measured. Loaded when metrics are collected first."""

from time import time_ns
from typing import Any

from dbx_otel import diagnostics
from dbx_otel.metrics.asynchronous import Observable
from dbx_otel.metrics.cells import HistogramCell, SumCell
from dbx_otel.metrics.preferences import COUNTER, HISTOGRAM, OBSERVABLE_COUNTER
from dbx_otel.metrics.synchronous import Attributes, Synchronous
from dbx_otel.otlp.metric_data import (
    CUMULATIVE,
    DELTA,
    Exemplar,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)

_PATIENCE = 0.2
"""Seconds to wait for who folds. Longer is only who was interrupted by a handler that now collects."""


def metric_of(instrument: Any, delta: frozenset[str]) -> Metric | None:
    """Return what an instrument has measured, or `None` where there is nothing new to say. Never raises.

    Args:
        instrument: One of ours.
        delta: Kinds of instruments of which values are told since the call before.
    """
    look = _observed if isinstance(instrument, Observable) else _recorded
    data = look(instrument, delta)
    return Metric(instrument.name, instrument.description, instrument.unit, data) if data is not None else None


def _recorded(instrument: Synchronous, delta: frozenset[str]) -> Sum | Histogram | None:
    temporality = DELTA if instrument.kind in delta else CUMULATIVE
    if not instrument.lock.acquire(timeout=_PATIENCE):
        return None
    try:
        cells = list(instrument.cells.items())
        now = time_ns()
        if instrument.kind == HISTOGRAM:
            distributions = [_distribution(attributes, cell, now, temporality) for attributes, cell in cells]
            points = [point for point in distributions if point is not None]
            return Histogram(points, temporality) if points else None
        sums = [_sum(attributes, cell, now, temporality) for attributes, cell in cells]
        numbers = [point for point in sums if point is not None]
        return Sum(numbers, temporality, is_monotonic=instrument.kind == COUNTER) if numbers else None
    finally:
        instrument.lock.release()


def _distribution(attributes: Attributes, cell: HistogramCell, now: int, temporality: int) -> HistogramDataPoint | None:
    cell.fold()
    count = sum(cell.counts)
    exemplars, cell.exemplars = cell.exemplars, {}
    point = None
    if count:
        point = HistogramDataPoint(
            attributes=dict(attributes),
            start_time_unix_nano=cell.start,
            time_unix_nano=now,
            count=count,
            sum=cell.sum,
            bucket_counts=tuple(cell.counts),
            explicit_bounds=cell.boundaries,
            min=cell.min,
            max=cell.max,
            exemplars=[_exemplar(*exemplars[bucket]) for bucket in sorted(exemplars)],
        )
    if temporality == DELTA:
        cell.begin_anew(now)
    return point


def _exemplar(value: float, time: int, span_context: Any) -> Exemplar:
    is_in_span = span_context is not None and span_context.is_valid
    return Exemplar(
        {},
        value,
        time,
        span_context.span_id if is_in_span else None,
        span_context.trace_id if is_in_span else None,
    )


def _sum(attributes: Attributes, cell: SumCell, now: int, temporality: int) -> NumberDataPoint | None:
    cell.fold()
    point = None
    if cell.changed:
        point = NumberDataPoint(dict(attributes), cell.start, now, cell.value)
    if temporality == DELTA:
        cell.begin_anew(now)
    return point


def _observed(instrument: Observable, delta: frozenset[str]) -> Sum | Gauge | None:
    try:
        values = instrument.values()
    except Exception as error:
        # One metric that cannot be had is not the others' affair.
        diagnostics.say(f"the metric {instrument.name} is left out: {type(error).__name__}: {error}")
        return None
    if not values:
        return None
    now = time_ns()
    if instrument.kind == "gauge":
        return Gauge([NumberDataPoint(dict(attributes), None, now, value) for attributes, value in values.items()])
    is_counter = instrument.kind == COUNTER
    temporality = DELTA if is_counter and OBSERVABLE_COUNTER in delta else CUMULATIVE
    points = [
        NumberDataPoint(
            dict(attributes),
            instrument.since[attributes],
            now,
            value - instrument.previous.get(attributes, 0) if temporality == DELTA else value,
        )
        for attributes, value in values.items()
    ]
    if temporality == DELTA:
        instrument.remember(values, now)
    return Sum(points, temporality, is_monotonic=is_counter)
