# SPDX-License-Identifier: Apache-2.0
"""What became of one attempt to send a batch."""

from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What a destination's answer means for the batch.

    Refused is what it holds; denied is who sends it or where to, such as by a token that has expired.
    """

    ACCEPTED = "accepted"
    RETRY = "retry"
    REFUSED = "refused"
    DENIED = "denied"


class Outcome(NamedTuple):
    """The answer to one attempt, by OTLP's rules for failures and partial success (OTLP specification 1.9).

    Attributes:
        kind: Accepted; to be tried again, unchanged; or not taken.
        retry_after: Seconds the destination asks to wait before the next attempt, if it says.
        rejected: How many spans, records or data points of an accepted batch were not taken (partial success).
        message: Why, in a few words for a person: no secret, no more than a line.
    """

    kind: Kind
    retry_after: float | None = None
    rejected: int = 0
    message: str = ""
