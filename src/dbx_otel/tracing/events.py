# SPDX-License-Identifier: Apache-2.0
"""What happened during a span at one point of time."""

import traceback
from time import time_ns
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.util.types import AnyValue, Attributes

from dbx_otel.tracing.attributes import bounded
from dbx_otel.tracing.limits import SpanLimits


class Event:
    """A named point of time with attributes, none of which can be changed. Has the names of the SDK's `Event`."""

    __slots__ = ("_attributes", "_name", "_timestamp")

    def __init__(self, name: str, attributes: Attributes, timestamp: int | None, limits: SpanLimits) -> None:
        """Make an event.

        Args:
            name: Its name.
            attributes: Its attributes, which are cleaned and bounded.
            timestamp: Nanoseconds since the epoch; now if `None`.
            limits: Those of the span.
        """
        self._name = name
        self._timestamp = time_ns() if timestamp is None else timestamp
        self._attributes = bounded(attributes, limits.max_event_attributes, limits.max_attribute_length)

    @property
    def name(self) -> str:
        """Return the name."""
        return self._name

    @property
    def timestamp(self) -> int:
        """Return the time, in nanoseconds since the epoch."""
        return self._timestamp

    @property
    def attributes(self) -> BoundedAttributes:
        """Return the attributes."""
        return self._attributes

    @property
    def dropped_attributes(self) -> int:
        """Return how many attributes were dropped."""
        return self._attributes.dropped


def exception_attributes(exception: BaseException, *, escaped: bool) -> dict[str, AnyValue]:
    """Return an exception as attributes (OpenTelemetry semantic conventions, "Exceptions on spans").

    Args:
        exception: The exception.
        escaped: Whether it left the span.
    """
    kind = type(exception)
    module = kind.__module__
    return {
        "exception.type": f"{module}.{kind.__qualname__}" if module and module != "builtins" else kind.__qualname__,
        "exception.message": _text(exception),
        "exception.stacktrace": _stacktrace(exception),
        "exception.escaped": str(escaped),
    }


def described(exception: BaseException) -> str:
    """Return an exception as the description of a status."""
    return f"{type(exception).__name__}: {_text(exception)}"


def _stacktrace(exception: Any) -> str:
    try:
        return "".join(traceback.format_exception(exception))
    except Exception:
        # It may override whatever is asked of it, or be no exception at all.
        return ""


def _text(exception: Any) -> str:
    try:
        return str(exception)
    except Exception:
        # An exception of the app's may fail to say what it is.
        return "<unprintable>"
