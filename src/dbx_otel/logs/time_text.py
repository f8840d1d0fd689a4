# SPDX-License-Identifier: Apache-2.0
"""Points in time as text."""

from datetime import UTC, datetime

_NANOSECONDS = 1_000_000_000
_LATEST = 253_402_300_799  # 9999-12-31T23:59:59Z, the end of RFC 3339


def rfc3339(timestamp: int, timespec: str = "microseconds") -> str:
    """Return a point in time as RFC 3339 writes it, in UTC with a Z.

    Args:
        timestamp: Nanoseconds since the epoch; outside the years 1970 to 9999 the nearest in them is taken.
        timespec: Precision, as `datetime.isoformat` names it.
    """
    seconds, nanoseconds = divmod(timestamp, _NANOSECONDS)
    seconds = min(max(seconds, 0), _LATEST)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanoseconds // 1000)
    return moment.isoformat(timespec=timespec).removesuffix("+00:00") + "Z"
