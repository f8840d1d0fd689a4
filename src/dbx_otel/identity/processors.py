# SPDX-License-Identifier: Apache-2.0
"""Put the identity of the context on every span and log record made for it."""

from typing import TYPE_CHECKING, Any, cast

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from dbx_otel.identity.context import current

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from opentelemetry.util.types import AnyValue

_STAMPED = "_dbx_otel_stamped"


def stamp(span: Span, parent_context: Context | None) -> None:
    """Set the identity attributes: of the parent's context, or of the current one where that knows nobody.

    Children come without a parent context; and what is made for a message's context inside of a request is made for the
    person of the request.

    Args:
        span: A span that has just been started.
        parent_context: The context that it was started with.
    """
    identity = current(parent_context) or current()
    if identity is not None:
        span.set_attributes(identity.attributes)
        setattr(span, _STAMPED, identity.attributes)


def stamp_again(span: Span) -> None:
    """Add what the SDK has dropped of them: the oldest attributes go when there are too many.

    Args:
        span: A span that is about to be handed on, whose attributes can no longer be set.
    """
    kept: Any = span._attributes  # noqa: SLF001 -- there is no other way to add to them
    stamped: Mapping[str, AnyValue] = getattr(span, _STAMPED, {})
    lacking = {name: value for name, value in stamped.items() if name not in kept}
    if lacking:
        attributes = BoundedAttributes(None, {**kept, **lacking})
        attributes.dropped = kept.dropped - len(lacking)
        span._attributes = attributes  # noqa: SLF001 -- as above


class IdentitySpanProcessor(SpanProcessor):
    """Stamps spans at their start: at their end they can no longer be changed."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Stamp a span."""
        stamp(span, parent_context)

    def _on_ending(self, span: Span) -> None:
        stamp_again(span)

    def on_end(self, span: ReadableSpan) -> None:
        """Leave the span as it is."""

    def shutdown(self) -> None:
        """Hold nothing, so nothing is to be released."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002 -- the SDK's signature
        """Hold nothing, so nothing is to be sent."""
        return True


class IdentityLogRecordProcessor(LogRecordProcessor):
    """Stamps log records; what the proxy says of the person wins over what a record says."""

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Set the identity attributes."""
        record = log_record.log_record
        identity = current(record.context)
        if identity is None or record.attributes is None:
            return
        attributes = cast("MutableMapping[str, AnyValue]", record.attributes)  # the SDK's, mutable until exported
        attributes.update(identity.attributes)

    def shutdown(self) -> None:
        """Hold nothing, so nothing is to be released."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002 -- the SDK's signature
        """Hold nothing, so nothing is to be sent."""
        return True
