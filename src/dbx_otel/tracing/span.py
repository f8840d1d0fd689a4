# SPDX-License-Identifier: Apache-2.0
"""A span that records: what the SDK's does, at a fraction of its cost.

Several threads may use one span. Each call changes it by single operations on dicts and lists, which Python's global
lock makes whole; a call that comes at the same moment as the end may or may not be recorded.
"""

from __future__ import annotations

import logging
from operator import attrgetter
from time import time_ns
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode

from dbx_otel.tracing.attributes import bounded, joined, put, put_all
from dbx_otel.tracing.events import Event, described, exception_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.util.types import AnyValue, Attributes

    from dbx_otel.tracing.tracer import Tracer

_logger = logging.getLogger("opentelemetry.sdk.trace")  # what an app has set for the SDK's messages holds for ours

_UNSET = Status()


def _reader(name: str, meaning: str) -> Any:
    return property(attrgetter(name), doc=meaning)


class RecordingSpan(trace.Span):
    """A span under way, and what is read of it once it has ended. Made by a tracer.

    It has the names of the SDK's `ReadableSpan`, those that begin with an underscore as well: other libraries use them.
    """

    __slots__ = (
        "_attributes",
        "_context",
        "_dropped_attributes",
        "_dropped_events",
        "_dropped_links",
        "_end_time",
        "_events",
        "_instrumentation_scope",
        "_is_open",
        "_kind",
        "_links",
        "_name",
        "_parent",
        "_record_exception",
        "_resource",
        "_set_status_on_exception",
        "_stamped",
        "_start_time",
        "_status",
        "_tracer",
    )

    def __init__(  # noqa: PLR0913, PLR0917 -- what a span is made of
        self,
        tracer: Tracer,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        kind: SpanKind,
        start_time: int | None,
        record_exception: bool,
        set_status_on_exception: bool,
    ) -> None:
        """Begin a span.

        Args:
            tracer: Who makes it; takes it back when it ends.
            name: Its name.
            context: Its ids.
            parent: Its valid parent, if it has one.
            kind: Its kind.
            start_time: Nanoseconds since the epoch; now if `None`.
            record_exception: Whether an exception that leaves its `with` block becomes an event.
            set_status_on_exception: Whether it becomes the status.
        """
        self._tracer = tracer
        self._name = name
        self._context = context
        self._parent = parent
        self._kind = kind
        self._resource = tracer.resource
        self._instrumentation_scope = tracer.scope
        self._attributes: dict[str, AnyValue] = {}
        self._events: Sequence[Event] = ()
        self._links: Sequence[Link] = ()
        self._dropped_attributes = self._dropped_events = self._dropped_links = 0
        self._status = _UNSET
        self._record_exception = record_exception
        self._set_status_on_exception = set_status_on_exception
        self._stamped: Mapping[str, AnyValue] | None = None
        self._is_open = True
        self._end_time: int | None = None
        self._start_time = time_ns() if start_time is None else start_time

    name = _reader("_name", "Its name.")
    context = _reader("_context", "Its ids.")
    parent = _reader("_parent", "Its parent's ids; `None` for the first of a trace.")
    kind = _reader("_kind", "Its kind.")
    start_time = _reader("_start_time", "Nanoseconds since the epoch.")
    end_time = _reader("_end_time", "Nanoseconds since the epoch; `None` while it is under way.")
    status = _reader("_status", "Its status.")
    resource = _reader("_resource", "Where it comes from.")
    instrumentation_scope = _reader("_instrumentation_scope", "Which library made it.")
    dropped_attributes = _reader("_dropped_attributes", "How many attributes were dropped for the limits.")
    dropped_events = _reader("_dropped_events", "How many events were dropped.")
    dropped_links = _reader("_dropped_links", "How many links were dropped.")

    @property
    def attributes(self) -> Mapping[str, AnyValue]:
        """Its attributes, as a view that cannot be written."""
        return MappingProxyType(self._attributes)

    @property
    def events(self) -> tuple[Event, ...]:
        """Its events."""
        return tuple(self._events)

    @property
    def links(self) -> tuple[Link, ...]:
        """Its links."""
        return tuple(self._links)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(name="{self._name}", context={self._context})'

    def get_span_context(self) -> SpanContext:
        """Return its ids."""
        return self._context

    def is_recording(self) -> bool:
        """Tell whether it has not ended yet."""
        return self._end_time is None

    def set_attribute(self, key: str, value: AnyValue) -> None:
        """Set one attribute."""
        if self._end_time is not None:
            _logger.warning("Setting attribute on ended span.")
            return
        dropped = put(self._attributes, key, value, self._tracer.limits)
        if dropped:
            self._dropped_attributes += dropped

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        """Set several attributes."""
        if self._end_time is not None:
            _logger.warning("Setting attribute on ended span.")
            return
        dropped = put_all(self._attributes, attributes, self._tracer.limits)
        if dropped:
            self._dropped_attributes += dropped

    def stamp(self, attributes: Mapping[str, AnyValue]) -> None:
        """Set the attributes of an identity, which no limit cuts or drops: half a name may be another person's."""
        self._attributes.update(attributes)
        self._stamped = attributes

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        """Add an event; where there is no room the oldest one goes.

        Args:
            name: Its name.
            attributes: Its attributes.
            timestamp: Nanoseconds since the epoch; now if `None`.
        """
        self._add_event(Event(name, attributes, timestamp, self._tracer.limits))

    def _add_event(self, event: Any) -> None:
        if self._has_ended("_add_event"):
            return
        if not isinstance(self._events, list):
            self._events = []
        self._dropped_events += _append(self._events, event, self._tracer.limits.max_events)

    def add_link(self, context: SpanContext | None, attributes: Attributes = None) -> None:
        """Add a link to another span; where there is no room the oldest one goes.

        Args:
            context: The other span's ids. A link that says nothing is left out.
            attributes: The link's attributes.
        """
        if not isinstance(context, SpanContext) or not (context.is_valid or attributes or context.trace_state):
            return
        limits = self._tracer.limits
        self._add_link(Link(context, bounded(attributes, limits.max_link_attributes, limits.max_attribute_length)))

    def _add_link(self, link: Link) -> None:
        if self._has_ended("_add_link"):
            return
        if not isinstance(self._links, list):
            self._links = []
        self._dropped_links += _append(self._links, link, self._tracer.limits.max_links)

    def update_name(self, name: str) -> None:
        """Give it another name."""
        if not self._has_ended("update_name"):
            self._name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Set the status; OK is final, and UNSET changes nothing (OpenTelemetry specification, "Set Status").

        Args:
            status: A status, or its code.
            description: Description that goes with a code.
        """
        if self._has_ended("set_status"):
            return
        if isinstance(status, Status):
            code = status.status_code
        elif isinstance(status, StatusCode):
            code = status
        else:
            return
        if self._status.status_code is StatusCode.OK or code is StatusCode.UNSET:
            return
        if isinstance(status, StatusCode):
            self._status = Status(status, description)
            return
        if description is not None:
            _logger.warning("Description %s ignored. Use either `Status` or `(StatusCode, Description)`", description)
        self._status = status

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Add an exception as an event.

        Args:
            exception: The exception.
            attributes: More attributes, which win over the exception's own.
            timestamp: Nanoseconds since the epoch; now if `None`.
            escaped: Whether the exception leaves the span.
        """
        self.add_event("exception", joined(exception_attributes(exception, escaped=escaped), attributes), timestamp)

    def end(self, end_time: int | None = None) -> None:
        """End it, once: nothing can be changed afterwards.

        Args:
            end_time: Nanoseconds since the epoch; now if `None`.
        """
        try:
            del self._is_open  # a single operation, which only one of several threads can do
        except AttributeError:
            _logger.warning("Calling end() on an ended span.")
            return
        self._end_time = time_ns() if end_time is None else end_time
        if self._stamped is not None and self._dropped_attributes:
            self._stamp_again(self._stamped)
        self._tracer.take_back(self)

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        """Note the exception that leaves the block, if there is one, and end."""
        if exc_val is not None and self._end_time is None:
            if self._record_exception:
                self.record_exception(exc_val, escaped=True)
            if self._set_status_on_exception:
                self.set_status(Status(StatusCode.ERROR, described(exc_val)))
        self.end()

    def _stamp_again(self, stamped: Mapping[str, AnyValue]) -> None:
        """Set what has gone with the oldest attributes; what the app has set instead stays."""
        lacking = {name: value for name, value in stamped.items() if name not in self._attributes}
        self._attributes.update(lacking)
        self._dropped_attributes -= len(lacking)

    def _has_ended(self, call: str) -> bool:
        if self._end_time is None:
            return False
        _logger.warning("Tried calling %s on an ended span.", call)
        return True


def _append(items: list[Any], item: Any, limit: int | None) -> int:
    """Add an item, and return 1 if the oldest one, or the item itself, had to go for it."""
    if limit is None or len(items) < limit:
        items.append(item)
        return 0
    if limit > 0:
        del items[0]
        items.append(item)
    return 1
