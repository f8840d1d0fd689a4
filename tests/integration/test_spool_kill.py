# SPDX-License-Identifier: Apache-2.0
"""Security records on disk when processes are killed: each record that was kept is found again, once."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.support.launched import ROOT

PROCESSES = 3
THREADS = 3

REPLAY = """
import sys, time
from dbx_otel.delivery.spool import Spool
spool = Spool(sys.argv[1], 1 << 28)
while records := spool.adopt():
    for _, payload in records:
        print(payload.partition(b" ")[0].decode())
    time.sleep(0.001)
    if len(sys.argv) > 2:
        spool.acknowledge(receipt for receipt, _ in records)
print("end", flush=True)
sys.stdin.read()
"""


def write_and_kill(folder: Path, journal: Path, seconds: float) -> None:
    """Have processes write for a while, and kill them all, one after the other."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.apps.spooling", str(folder), str(journal), str(PROCESSES), str(THREADS)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        for _ in range(PROCESSES):
            assert process.stdout.readline() == b"running\n"
        time.sleep(seconds)
        os.kill(process.pid, signal.SIGKILL)
        time.sleep(0.02)  # its children live on, and write on
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()  # its output ends with the last child


def replay(folder: Path, replayers: int, *, acknowledge: bool = False) -> Counter[str]:
    """Have processes adopt what is there, at the same time, and return what they found."""
    command = [sys.executable, "-c", REPLAY, str(folder), *(["acknowledge"] if acknowledge else [])]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(replayers)
    ]
    found: Counter[str] = Counter()
    for process in running:
        assert process.stdout is not None
        found.update(iter(lambda lines=process.stdout: lines.readline().strip(), "end"))  # type: ignore[misc]  # a default binds it
    for process in running:  # until now they all held what they adopted
        process.communicate(timeout=10)
        assert process.returncode == 0
    return found


def noted(journal: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {"kept": set(), "acknowledging": set(), "acknowledged": set()}
    for line in journal.read_text().splitlines():
        what, name = line.split()
        found[what].add(name)
    return found


@pytest.mark.parametrize("attempt", range(4))
def test_each_record_is_found_once(attempt: int, tmp_path: Path) -> None:
    folder, journal = tmp_path / "spool", tmp_path / "journal"
    # A few milliseconds of writing, and many times as many.
    write_and_kill(folder, journal, random.Random(attempt).uniform(0.0, 0.25) * (attempt + 1))
    notes = noted(journal)
    kept = notes["kept"]
    assert kept
    found = replay(folder, 2)
    assert max(found.values()) == 1, "none twice"
    assert kept - notes["acknowledging"] - set(found) == set(), "none lost"
    assert notes["acknowledged"] & set(found) == set(), "none that was delivered before"
    assert len(set(found) - kept) <= PROCESSES * THREADS, "one that a thread had written but not yet noted"
    assert replay(folder, 2, acknowledge=True) == found, "replayers that ended before they could deliver lose nothing"
    assert list(folder.iterdir()) == []


def test_start_after_start(tmp_path: Path) -> None:
    folder, journal = tmp_path / "spool", tmp_path / "journal"
    for _ in range(3):
        write_and_kill(folder, journal, 0.05)
    notes = noted(journal)
    found = replay(folder, 3, acknowledge=True)
    assert max(found.values()) == 1
    assert notes["kept"] - notes["acknowledging"] - set(found) == set()
    assert {name.split("-")[0] for name in found} == {name.split("-")[0] for name in notes["kept"]}
    assert replay(folder, 1) == Counter()
