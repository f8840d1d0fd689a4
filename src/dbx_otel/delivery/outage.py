# SPDX-License-Identifier: Apache-2.0
"""Says when a destination goes away and when it is back: two lines, whatever happens in between."""

import time
from collections import Counter

from dbx_otel import diagnostics
from dbx_otel.delivery.words import NOUNS, REASONS

_LINES_APART = 60.0
"""Seconds between two outages that are spoken of: a destination may come and go."""


class Outage:
    """What is known of a destination's being away, and what has been said of it.

    Args:
        name: Name of the destination.
        max_bytes: Memory that its batches may take.
        keeps_on_disk: Whether security records are on the spool, too.
    """

    def __init__(self, name: str, max_bytes: int, *, keeps_on_disk: bool) -> None:
        self._name = name
        self._room = f"{max_bytes / 2**20:.3g} MiB"
        self._keeps_on_disk = keeps_on_disk
        self._since: float | None = None
        self._is_said = False
        self._last_said = float("-inf")
        self._given_up: Counter[str] = Counter()

    @property
    def is_under_way(self) -> bool:
        """Whether the last attempt failed."""
        return self._since is not None

    def failed(self, message: str, *, again: bool) -> None:
        """Note a failed attempt; the second one in a row is spoken of.

        Args:
            message: Why.
            again: Whether the attempt before failed, too.
        """
        now = time.monotonic()
        if self._since is None:
            self._since = now
        if not again or self._is_said or now - self._last_said < _LINES_APART:
            return
        self._is_said, self._last_said = True, now
        disk = "; security records are on disk, too" if self._keeps_on_disk else ""
        diagnostics.say(
            f"{self._name} does not take telemetry ({message}): it is kept in memory, up to {self._room}, until "
            f"that is back{disk}",
            again=True,
        )

    def given_up(self, signal: str, reason: str, count: int) -> None:
        """Note what was lost meanwhile."""
        if self._since is not None:
            self._given_up[f"{NOUNS[signal]} ({REASONS.get(reason, reason)})"] += count

    def ended(self) -> None:
        """Note that everything is taken again."""
        if self._since is not None and self._is_said:
            lost = ", ".join(f"{count} {what}" for what, count in sorted(self._given_up.items()))
            diagnostics.say(
                f"{self._name} takes telemetry again after {time.monotonic() - self._since:.0f} s; "
                f"lost meanwhile: {lost or 'nothing'}",
                again=True,
            )
        self._since, self._is_said = None, False
        self._given_up.clear()
