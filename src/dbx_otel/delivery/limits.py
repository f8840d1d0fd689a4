# SPDX-License-Identifier: Apache-2.0
"""How much may wait and how long, by OpenTelemetry's variables (its specification of environment variables)."""

from collections.abc import Mapping

from dbx_otel import diagnostics
from dbx_otel.delivery.queue import Queue

_CAPACITY = 2048
_BATCH_SIZE = 512
_DELAYS = {"OTEL_BSP": 5000, "OTEL_BLRP": 1000}
"""Milliseconds, by the beginning of the variables' names."""
_INTERVAL_VARIABLE = "OTEL_METRIC_EXPORT_INTERVAL"
_INTERVAL = 60_000


def span_queue(environ: Mapping[str, str]) -> Queue:
    """Return the queue of spans, by `OTEL_BSP_*`."""
    return _queue("OTEL_BSP", environ)


def log_queue(environ: Mapping[str, str]) -> Queue:
    """Return the queue of log records, by `OTEL_BLRP_*`."""
    return _queue("OTEL_BLRP", environ)


def metric_interval(environ: Mapping[str, str]) -> float:
    """Return the seconds between two collections of metrics, by `OTEL_METRIC_EXPORT_INTERVAL`."""
    return _positive(_INTERVAL_VARIABLE, _INTERVAL, environ) / 1000


def _queue(prefix: str, environ: Mapping[str, str]) -> Queue:
    capacity = _positive(f"{prefix}_MAX_QUEUE_SIZE", _CAPACITY, environ)
    variable = f"{prefix}_MAX_EXPORT_BATCH_SIZE"
    batch_size = _positive(variable, min(_BATCH_SIZE, capacity), environ)
    if batch_size > capacity:
        diagnostics.say(
            f"{variable} is '{batch_size}'; allowed: no more than {prefix}_MAX_QUEUE_SIZE; used instead: {capacity}"
        )
        batch_size = capacity
    return Queue(capacity, batch_size, _positive(f"{prefix}_SCHEDULE_DELAY", _DELAYS[prefix], environ) / 1000)


def _positive(variable: str, default: int, environ: Mapping[str, str]) -> int:
    text = environ.get(variable, "").strip()
    if not text:
        return default
    try:
        number = float(text)
        if 1 <= number < 2**31:
            return int(number)
    except ValueError:
        pass
    diagnostics.say(f"{variable} is {text[:100]!r}; allowed: a whole number above 0; used instead: {default}")
    return default
