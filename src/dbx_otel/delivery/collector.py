# SPDX-License-Identifier: Apache-2.0
"""The thread that collects metrics: one of its own, as collecting calls functions of the app, which may take long."""

import time
from collections.abc import Callable
from typing import Any

from dbx_otel import diagnostics
from dbx_otel.delivery import native, packing
from dbx_otel.delivery.background import Background
from dbx_otel.delivery.batch import Batch

Collect = Callable[[], Any]


class Collector:
    """Collects metrics at an interval.

    Args:
        collect: Returns metrics in the shape of the SDK's `MetricsData`, or `None`.
        hand_on: Takes each batch.
        interval: Seconds between two collections.
    """

    def __init__(self, collect: Collect, hand_on: Callable[[Batch], None], interval: float) -> None:
        self._collect = collect
        self._hand_on = hand_on
        self._interval = interval
        self._collecting = native.allocate_lock()
        self.background = Background(self._run)

    def collect(self, *, seconds: float) -> bool:
        """Collect now, from the calling thread, and tell whether that was possible. Never raises.

        Args:
            seconds: How long to wait for a collection that is under way.
        """
        if not self._collecting.acquire(timeout=max(0.0, seconds)):
            return False
        try:
            data = self._collect()
            batch = packing.pack_metrics(data) if data is not None else None
            if batch is not None:
                self._hand_on(batch)
        except Exception as error:
            # Metrics are not worth a thread's end, nor an exit's failure.
            diagnostics.say(f"collecting metrics failed: {type(error).__name__}: {error}")
        finally:
            self._collecting.release()
        return True

    def _run(self) -> None:
        due = time.monotonic() + self._interval
        while not self.background.is_closed:
            self.background.wait(due - time.monotonic())
            if time.monotonic() >= due:
                due = time.monotonic() + self._interval
                self.collect(seconds=self._interval)
