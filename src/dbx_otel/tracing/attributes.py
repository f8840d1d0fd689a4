# SPDX-License-Identifier: Apache-2.0
"""Attributes of spans in a plain dict, with the rules of OpenTelemetry's `BoundedAttributes` at a fraction of its cost.

What is plain goes straight in; all else is cleaned by `BoundedAttributes` itself, so that the rules stay one.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.util.types import AnyValue, Attributes

from dbx_otel.tracing.limits import SpanLimits

_logger = logging.getLogger("opentelemetry.sdk.trace")  # what an app has set for the SDK's messages holds for ours

_PLAIN = frozenset({str, bool, int, float, bytes, type(None)})
_TEXT = frozenset({str})


def put(attributes: dict[str, AnyValue], name: str, value: AnyValue, limits: SpanLimits) -> int:
    """Set one attribute. Never raises.

    Args:
        attributes: Those of the span.
        name: The attribute's name.
        value: Its value, of whatever type.
        limits: Those of the span.

    Returns:
        How many attributes were dropped for it.
    """
    if type(value) in _PLAIN and type(name) is str and name and limits.max_span_attribute_length is None:
        return _insert(attributes, name, value, limits.max_span_attributes)
    if limits.max_span_attributes == 0:
        return 1
    try:
        cleaned = _cleaned(None, limits)
        cleaned[name] = value
    except Exception as error:
        return _unreadable(error, 1)
    return _insert_all(attributes, cleaned, limits)


def put_all(attributes: dict[str, AnyValue], new: Mapping[str, AnyValue], limits: SpanLimits) -> int:
    """Set several attributes. Never raises.

    Args:
        attributes: Those of the span.
        new: What is set.
        limits: Those of the span.

    Returns:
        How many attributes were dropped for them.
    """
    count = limits.max_span_attributes
    try:
        if limits.max_span_attribute_length is None and _are_plain(new):
            has_room = count is None or len(attributes) + len(new) <= count
            if has_room and (not attributes or attributes.keys().isdisjoint(new)):
                attributes.update(new)
                return 0
            return _insert_each(attributes, new, count)
        if count == 0:
            return len(new)
        cleaned = _cleaned(new, limits)
    except Exception:
        return _put_readable(attributes, new, limits)
    return _insert_all(attributes, cleaned, limits)


def bounded(attributes: Attributes, count: int | None, length: int | None) -> BoundedAttributes:
    """Return the attributes of an event or a link, which nobody can change any more. Never raises.

    Args:
        attributes: What was given.
        count: How many there may be.
        length: How many characters a text may have.
    """
    try:
        return BoundedAttributes(count, attributes, immutable=True, max_value_len=length)
    except Exception as error:
        _unreadable(error, 0)
        return BoundedAttributes(count)


def joined(attributes: dict[str, AnyValue], more: Attributes) -> dict[str, AnyValue]:
    """Return attributes with more of them, which win. Never raises.

    Args:
        attributes: Some, which are changed.
        more: What was given.
    """
    try:
        attributes.update(more or {})
    except Exception as error:
        _unreadable(error, 0)
    return attributes


def _put_readable(attributes: dict[str, AnyValue], new: Mapping[str, AnyValue], limits: SpanLimits) -> int:
    """Set those that can be read: one that cannot is not the others' affair."""
    dropped = 0
    try:
        for name, value in new.items():
            dropped += put(attributes, name, value, limits)
    except Exception as error:
        return _unreadable(error, dropped)
    return dropped


def _are_plain(new: Mapping[str, AnyValue]) -> bool:
    return (
        type(new) is dict
        and _PLAIN.issuperset(map(type, new.values()))
        and _TEXT.issuperset(map(type, new))
        and "" not in new
    )


def _cleaned(new: Mapping[str, AnyValue] | None, limits: SpanLimits) -> BoundedAttributes:
    return BoundedAttributes(None, new, immutable=False, max_value_len=limits.max_span_attribute_length)


def _insert_all(attributes: dict[str, AnyValue], cleaned: BoundedAttributes, limits: SpanLimits) -> int:
    return cleaned.dropped + _insert_each(attributes, cleaned, limits.max_span_attributes)


def _insert_each(attributes: dict[str, AnyValue], new: Mapping[str, AnyValue], limit: int | None) -> int:
    return sum([_insert(attributes, name, value, limit) for name, value in new.items()])


def _insert(attributes: dict[str, AnyValue], name: str, value: AnyValue, limit: int | None) -> int:
    """Set an attribute as the newest one, and return 1 if the oldest one, or itself, had to go for it."""
    if name in attributes:
        attributes.pop(name, None)
    elif limit is not None and len(attributes) >= limit:
        if limit == 0:
            return 1
        with suppress(RuntimeError):  # another thread sets one at the same moment
            attributes.pop(next(iter(attributes), ""), None)
        attributes[name] = value
        return 1
    attributes[name] = value
    return 0


def _unreadable(error: Exception, dropped: int) -> int:
    _logger.warning("Attributes that cannot be read are dropped: %s", type(error).__name__)
    return dropped
