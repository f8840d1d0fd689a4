# SPDX-License-Identifier: Apache-2.0
"""Instruments that look for themselves when metrics are collected."""

from collections.abc import Callable, Iterable
from time import time_ns
from typing import Any

from dbx_otel.metrics.synchronous import Attributes

Observe = Callable[[], Iterable[tuple[float, Attributes]]]
"""Gives values with their attributes; of counters, sums since the start of the process."""


class Observable:
    """A value that is looked up.

    Args:
        kind: `gauge`, `counter` or `up_down_counter`.
        scope: The library that measures.
        name: Name of the metric.
        unit: Unit, in UCUM's notation.
        description: What is observed.
        observe: Looks the values up. May raise, which is reported once.

    Attributes:
        elsewhere: Looks the values up instead, if set.
        since: By attributes, from when the values count, in nanoseconds since the epoch.
        previous: By attributes, the values of the collection before.
    """

    __slots__ = ("description", "elsewhere", "kind", "name", "observe", "previous", "scope", "since", "unit")

    def __init__(self, kind: str, scope: Any, name: str, unit: str, description: str, observe: Observe) -> None:
        self.kind = kind
        self.scope = scope
        self.name = name
        self.unit = unit
        self.description = description
        self.observe = observe
        self.elsewhere: Any = None
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget all that was observed: this is another process."""
        self.since: dict[Attributes, int] = {}
        self.previous: dict[Attributes, float] = {}

    def values(self) -> dict[Attributes, float]:
        """Look the values up; several of one set of attributes are added up, as in the SDK, gauges but for the last.

        Raises:
            Exception: What `observe` raises.
        """
        values: dict[Attributes, float] = {}
        for value, attributes in self.observe():
            if attributes not in self.since:
                self.since[attributes] = time_ns()
            values[attributes] = value if self.kind == "gauge" else values.get(attributes, 0) + value
        return values

    def remember(self, values: dict[Attributes, float], now: int) -> None:
        """Count from these values on.

        Args:
            values: What has been told.
            now: When, in nanoseconds since the epoch.
        """
        self.previous.update(values)
        self.since.update(dict.fromkeys(values, now))
