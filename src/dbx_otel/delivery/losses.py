# SPDX-License-Identifier: Apache-2.0
"""What the end of the process leaves unsent, in words."""

from collections import Counter
from collections.abc import Mapping

from dbx_otel.delivery.exiting import Unsent
from dbx_otel.delivery.sender import Sender
from dbx_otel.delivery.words import counted


def describe(sender: Sender, queued: Mapping[str, int], flush: str) -> Unsent | None:
    """Return what a destination has not had, and what becomes of it; `None` where it has had everything.

    Args:
        sender: The destination.
        queued: By signal, how much waits to be encoded, and would have gone there.
        flush: Name of the destination's flush.
    """
    unsent = Counter({signal: count for signal, count in queued.items() if sender.takes(signal)})
    kept = 0
    for batch in sender.ring.batches():
        unsent[batch.signal] += batch.count
        kept += len(batch.receipts)
    if not unsent.total():
        return None
    unsent["logs"] -= kept
    fates = []
    if kept:
        fates.append(f"{kept} security records are kept on disk, and sent by the next start")
    if unsent.total():
        fates.append(f"{counted(unsent)} are lost")
    unsent["logs"] += kept
    why = f" ({sender.reason})" if sender.reason else ""
    return Unsent(flush, f"{counted(unsent)} for {sender.name}", f"{'; '.join(fates)}{why}")
