# SPDX-License-Identifier: Apache-2.0
"""How much a log record may bear (OpenTelemetry specification, "LogRecord Limits")."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from dbx_otel import diagnostics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.attributes import BoundedAttributes

_COUNT = ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT")
_LENGTH = ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT")
_DEFAULT_COUNT = 128


class LogLimits(NamedTuple):
    """Limits of a log record.

    Attributes:
        most_attributes: Most attributes; `None` for no limit.
        longest_value: Longest text in a value, in characters; `None` for no limit.
    """

    most_attributes: int | None = _DEFAULT_COUNT
    longest_value: int | None = None

    def apply(self, attributes: Mapping[str, Any]) -> tuple[Mapping[str, Any], int]:
        """Return plain attributes within the limits, and how many were left out.

        Args:
            attributes: Attributes whose values OTLP can carry.
        """
        if self.longest_value is None and (self.most_attributes is None or len(attributes) <= self.most_attributes):
            return attributes, 0
        return self.bounded(attributes)

    def bounded(self, attributes: Mapping[str, Any] | None) -> tuple[Mapping[str, Any], int]:
        """As `apply`, for attributes of any kind: what OTLP cannot carry is left out or turned into text. Never raises.

        Args:
            attributes: Attributes as an app gives them.
        """
        from opentelemetry.attributes import BoundedAttributes

        count, length = self
        try:
            found = BoundedAttributes(count, attributes, immutable=False, max_value_len=length)
        except Exception:
            # One that cannot be read is not the others' affair.
            found = BoundedAttributes(count, immutable=False, max_value_len=length)
            _set_readable(found, attributes)
        return found, found.dropped


def from_environment(environ: Mapping[str, str] = os.environ) -> LogLimits:
    """Read the limits; a value that cannot be used is said and passed over.

    Args:
        environ: The environment.
    """
    return LogLimits(_first(_COUNT, environ, _DEFAULT_COUNT), _first(_LENGTH, environ, None))


def _set_readable(found: BoundedAttributes, attributes: Any) -> None:
    with suppress(Exception):  # it is no mapping, or fails as one
        for name, value in attributes.items():
            try:
                found[name] = value
            except Exception:
                # Code of the app's, which shows the value.
                found.dropped += 1


def _first(variables: tuple[str, ...], environ: Mapping[str, str], default: int | None) -> int | None:
    for variable in variables:
        text = environ.get(variable, "").strip()
        if text.isdecimal():
            return int(text)
        if text:
            used = "no limit" if default is None else default
            diagnostics.say(f"{variable} is {text[:100]!r}; allowed: a whole number from 0; used instead: {used}")
            return default
    return default
