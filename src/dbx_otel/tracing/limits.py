# SPDX-License-Identifier: Apache-2.0
"""How much a span may hold (OpenTelemetry specification, "Span Limits" and "Attribute Limits")."""

import os
from typing import Final

from dbx_otel import diagnostics

_DEFAULT_COUNT = 128


class SpanLimits:
    """The limits of spans, with the names of the SDK's class; `None` is no limit.

    What is not given is read from the environment, as the SDK reads it: a variable that is set but empty takes the
    limit away. A value that cannot be used leads to a line and the default.

    Attributes:
        max_attributes: Attributes of whatever has no limit of its own.
        max_events: Events of a span.
        max_links: Links of a span.
        max_span_attributes: Attributes of a span.
        max_event_attributes: Attributes of an event.
        max_link_attributes: Attributes of a link.
        max_attribute_length: Characters of a text in an event's or a link's attributes.
        max_span_attribute_length: Characters of a text in a span's attributes.
    """

    UNSET: Final = -1
    """Given as a limit: there is none, whatever the environment says."""

    def __init__(  # noqa: PLR0913, PLR0917 -- the arguments of the SDK's class
        self,
        max_attributes: int | None = None,
        max_events: int | None = None,
        max_links: int | None = None,
        max_span_attributes: int | None = None,
        max_event_attributes: int | None = None,
        max_link_attributes: int | None = None,
        max_attribute_length: int | None = None,
        max_span_attribute_length: int | None = None,
    ) -> None:
        self.max_events = _limit(max_events, "OTEL_SPAN_EVENT_COUNT_LIMIT", _DEFAULT_COUNT)
        self.max_links = _limit(max_links, "OTEL_SPAN_LINK_COUNT_LIMIT", _DEFAULT_COUNT)

        general = _limit(max_attributes, "OTEL_ATTRIBUTE_COUNT_LIMIT", _DEFAULT_COUNT)
        self.max_attributes = count = general if general is not None else _DEFAULT_COUNT
        self.max_span_attributes = _limit(max_span_attributes, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", count)
        self.max_event_attributes = _limit(max_event_attributes, "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", count)
        self.max_link_attributes = _limit(max_link_attributes, "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", count)

        self.max_attribute_length = length = _limit(max_attribute_length, "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", None)
        self.max_span_attribute_length = _limit(
            max_span_attribute_length, "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", length
        )


def _limit(given: int | None, variable: str, default: int | None) -> int | None:
    if given == SpanLimits.UNSET:
        return None
    if given is not None:
        return given
    text = os.environ.get(variable)
    if text is None:
        return default
    if not text.strip():
        return None
    if not text.strip().isdecimal():
        instead = "no limit" if default is None else default
        diagnostics.say(f"{variable} is {text[:200]!r}; allowed: a whole number from 0; used instead: {instead}")
        return default
    return int(text)
