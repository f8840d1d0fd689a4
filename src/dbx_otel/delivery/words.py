# SPDX-License-Identifier: Apache-2.0
"""How messages speak of what is sent and of what is lost."""

from collections.abc import Mapping
from typing import Final

NOUNS: Final = {"traces": "spans", "logs": "log records", "metrics": "metric data points"}
"""What batches of each signal are counted in."""

REASONS: Final = {
    "queue_full": "the queue was full",
    "buffer_full": "memory was full",
    "refused": "refused",
    "rejected": "rejected",
    "encoding": "could not be encoded",
}
"""Why something is lost: as metrics have it (`error.type`), and as a person reads it."""


def counted(counts: Mapping[str, int]) -> str:
    """Return how much there is of each signal, as "3 spans and 1 log records"."""
    return " and ".join(f"{counts[signal]} {noun}" for signal, noun in NOUNS.items() if counts.get(signal))
