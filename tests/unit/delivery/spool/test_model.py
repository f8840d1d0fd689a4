# SPDX-License-Identifier: Apache-2.0
"""Any order of keeping, delivering, giving up, taking over and being killed, against a plain model of it."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dbx_otel.delivery.spool import Receipt, Spool

PROCESSES = 3


class Processes(RuleBasedStateMachine):
    """Some processes that share a folder. `held` is what each has in memory, `kept` what must not be lost."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.spools = [self.start() for _ in range(PROCESSES)]
        self.held: list[dict[bytes, Receipt]] = [{} for _ in range(PROCESSES)]
        self.kept: set[bytes] = set()
        self.count = 0

    def start(self) -> Spool:
        spool = Spool(self.folder / "spool", 1 << 20)
        spool._segment_bytes = 300  # so that segments are many
        return spool

    @rule(process=st.integers(0, PROCESSES - 1), size=st.integers(0, 120))
    def append(self, process: int, size: int) -> None:
        payload = b"%d " % self.count + bytes(size)
        self.count += 1
        receipt = self.spools[process].append(payload)
        assert receipt is not None
        self.held[process][payload] = receipt
        self.kept.add(payload)

    @rule(process=st.integers(0, PROCESSES - 1), data=st.data())
    def deliver(self, process: int, data: st.DataObject) -> None:
        done = self.choose(process, data)
        self.spools[process].acknowledge(self.held[process].pop(payload) for payload in done)
        self.kept -= done

    @rule(process=st.integers(0, PROCESSES - 1), data=st.data())
    def give_up(self, process: int, data: st.DataObject) -> None:
        self.spools[process].release(self.held[process].pop(payload) for payload in self.choose(process, data))

    @rule(process=st.integers(0, PROCESSES - 1))
    def take_over(self, process: int) -> None:
        for receipt, payload in self.spools[process].adopt():
            assert payload in self.kept, "neither made up nor delivered before"
            assert not any(payload in held for held in self.held), "nobody else has it"
            self.held[process][payload] = receipt

    @rule(process=st.integers(0, PROCESSES - 1), closes=st.booleans())
    def end(self, process: int, closes: bool) -> None:
        if closes:
            self.spools[process].close()
        else:  # what the system does where a process is killed
            for segment in self.spools[process]._segments:
                segment.leave()
        self.spools[process] = self.start()
        self.held[process] = {}

    @invariant()
    def counts_agree(self) -> None:
        for spool, held in zip(self.spools, self.held, strict=True):
            assert spool.waiting >= len(held)

    def choose(self, process: int, data: st.DataObject) -> set[bytes]:
        held = sorted(self.held[process])
        return data.draw(st.sets(st.sampled_from(held))) if held else set()

    def teardown(self) -> None:
        for spool in self.spools:
            spool.close()
        heir = Spool(self.folder / "spool", 1 << 20)
        left: set[bytes] = set()
        while records := heir.adopt():
            payloads = [payload for _, payload in records]
            assert left.isdisjoint(payloads)
            left |= set(payloads)
            heir.acknowledge(receipt for receipt, _ in records)
        heir.close()
        assert left == self.kept
        assert not (self.folder / "spool").exists() or list((self.folder / "spool").iterdir()) == []
        shutil.rmtree(self.folder)


TestProcesses = Processes.TestCase
TestProcesses.settings = settings(max_examples=60, stateful_step_count=40)
