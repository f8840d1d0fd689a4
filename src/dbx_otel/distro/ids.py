# SPDX-License-Identifier: Apache-2.0
"""Trace and span ids from the operating system: the SDK takes them from `random`, which an app may seed, and repeat."""

import os

from opentelemetry.sdk.trace.id_generator import IdGenerator

_SPAN_BYTES = 8
_TRACE_BYTES = 16


class PrivateIdGenerator(IdGenerator):
    """Ids that neither a seed nor a fork repeats."""

    def generate_span_id(self) -> int:
        """Return a random id of 64 bits, never zero (W3C Trace Context, "parent-id")."""
        return _random(_SPAN_BYTES)

    def generate_trace_id(self) -> int:
        """Return a random id of 128 bits, never zero (W3C Trace Context, "trace-id")."""
        return _random(_TRACE_BYTES)

    def is_trace_id_random(self) -> bool:
        """All bits are random (W3C Trace Context Level 2, "random trace-id flag")."""
        return True


def _random(size: int) -> int:
    while not (value := int.from_bytes(os.urandom(size), "big")):
        pass
    return value
