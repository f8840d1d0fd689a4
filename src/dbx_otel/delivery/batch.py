# SPDX-License-Identifier: Apache-2.0
"""The unit of delivery: one request's worth of spans, log records or metrics, encoded and compressed once for all."""

from enum import IntEnum
from typing import Any, Literal

Signal = Literal["traces", "metrics", "logs"]


class Priority(IntEnum):
    """How long a batch is kept when there is no room for all: what is lowest is given up first."""

    ORDINARY = 0
    IMPORTANT = 1
    SECURITY = 2


class Batch:
    """A serialized Export…ServiceRequest of one signal, compressed; never changed once made.

    Attributes:
        signal: What it holds.
        body: The serialized request, compressed with gzip.
        count: How many spans, log records or metric data points it holds.
        priority: How long it is kept when there is no room for all.
        raw_size: Bytes of the request before compression.
        receipts: Where its security records stand on the spool; empty where it holds none that do.
    """

    __slots__ = ("body", "count", "priority", "raw_size", "receipts", "signal")

    def __init__(
        self,
        signal: Signal,
        body: bytes,
        count: int,
        priority: Priority = Priority.ORDINARY,
        raw_size: int = 0,
        receipts: tuple[Any, ...] = (),
    ) -> None:
        self.signal = signal
        self.body = body
        self.count = count
        self.priority = priority
        self.raw_size = raw_size
        self.receipts = receipts
