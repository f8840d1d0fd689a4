# SPDX-License-Identifier: Apache-2.0
"""Trace and span ids from the operating system: the SDK takes them from `random`, which an app may seed, and repeat."""

import os
from collections.abc import Iterator

_BATCH = 512
"""How many numbers of 64 bits are fetched at a time: a call into the operating system costs as much as ten of them."""

_numbers: Iterator[int] = iter(())


class PrivateIdGenerator:
    """Ids that neither a seed nor a fork repeats. Has the methods of the SDK's `IdGenerator`, without importing it."""

    def generate_span_id(self) -> int:
        """Return a random id of 64 bits, never zero (W3C Trace Context, "parent-id")."""
        return _number()

    def generate_trace_id(self) -> int:
        """Return a random id of 128 bits, never zero (W3C Trace Context, "trace-id")."""
        return _number() << 64 | _number()

    def is_trace_id_random(self) -> bool:
        """All bits are random (W3C Trace Context Level 2, "random trace-id flag")."""
        return True


def _number() -> int:
    """Return the next number that is not zero. Threads share the batch: taking the next one is a single operation."""
    while True:
        for number in _numbers:
            if number:
                return number
        _fetch()


def _fetch() -> None:
    global _numbers  # noqa: PLW0603 -- one process has one batch
    _numbers = iter(memoryview(os.urandom(8 * _BATCH)).cast("Q").tolist())


def _forget() -> None:
    global _numbers  # noqa: PLW0603 -- the child of a fork begins with a batch of its own
    _numbers = iter(())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
