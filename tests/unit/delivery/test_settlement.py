# SPDX-License-Identifier: Apache-2.0
"""When security records come off the disk: when every destination has had them."""

from pathlib import Path

from dbx_otel.delivery.batch import Batch, Priority
from dbx_otel.delivery.settlement import Settlement
from dbx_otel.delivery.spool import Spool


def spooled(folder: Path) -> tuple[Spool, Settlement, Batch]:
    spool = Spool(folder, 1 << 20)
    receipts = tuple(spool.append(b"record") for _ in range(3))
    return spool, Settlement(spool), Batch("logs", b"", 3, Priority.SECURITY, 0, receipts)


def test_they_come_off_when_the_last_destination_has_them(tmp_path: Path) -> None:
    spool, settlement, batch = spooled(tmp_path)
    settlement.expect(batch, 2)
    settlement.settle(batch, had_it=True)
    settlement.note()
    assert spool.waiting == 3
    settlement.settle(batch, had_it=True)
    assert spool.waiting == 3  # not before it is told to
    settlement.note()
    assert spool.waiting == 0
    assert spool.adopt() == []


def test_what_one_had_to_give_up_stays_and_is_adopted_again(tmp_path: Path) -> None:
    spool, settlement, batch = spooled(tmp_path)
    settlement.expect(batch, 2)
    settlement.settle(batch, had_it=False)
    settlement.note()
    assert spool.adopt() == []  # the other one still has it in memory
    settlement.settle(batch, had_it=True)
    settlement.note()
    assert [payload for _, payload in spool.adopt()] == [b"record"] * 3


def test_batches_that_are_not_on_disk_are_none_of_its_business(tmp_path: Path) -> None:
    settlement = Settlement(None)
    batch = Batch("traces", b"", 1)
    settlement.expect(batch, 1)
    settlement.settle(batch, had_it=True)
    settlement.note()
    assert settlement._owed == {}
