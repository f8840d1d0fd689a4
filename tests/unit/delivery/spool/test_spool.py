# SPDX-License-Identifier: Apache-2.0
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbx_otel.delivery.spool import Receipt, Spool, frames
from dbx_otel.delivery.spool.segment import _hold
from tests.support.forking import exit_status_of_child

PLENTY = 1 << 26


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(folder: Path) -> Iterator[Spool]:
    made = Spool(folder, PLENTY)
    yield made
    made.close()


def keep(spool: Spool, payload: bytes) -> Receipt:
    receipt = spool.append(payload)
    assert receipt is not None
    return receipt


def adopted(folder: Path) -> list[bytes]:
    """What another process gets of a folder. (A spool shares nothing with others, not even within one process.)"""
    spool = Spool(folder, PLENTY)
    payloads = []
    while records := spool.adopt():
        payloads += [payload for _, payload in records]
    spool.close()
    return payloads


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_nothing_is_touched_before_the_first_record(folder: Path, spool: Spool) -> None:
    assert spool.adopt() == []
    assert (spool.size, spool.waiting) == (0, 0)
    assert not folder.exists()


def test_files_are_this_users_alone(folder: Path, spool: Spool) -> None:
    keep(spool, b"one")
    assert [stat.S_IMODE(path.stat().st_mode) for path in files(folder)] == [0o600]


def test_what_is_not_acknowledged_is_adopted_once(folder: Path, spool: Spool) -> None:
    receipts = [keep(spool, b"%d" % number) for number in range(5)]
    spool.acknowledge([receipts[3], receipts[1]])
    assert spool.waiting == 3
    assert adopted(folder) == [], "it is held"
    spool.close()
    heir = Spool(folder, PLENTY)
    records = heir.adopt()
    assert [payload for _, payload in records] == [b"0", b"2", b"4"]
    assert (heir.adopted, heir.waiting) == (3, 3)
    assert heir.adopt() == []
    assert adopted(folder) == [], "it is held by the heir"
    heir.acknowledge([records[0][0]])
    heir.close()
    assert adopted(folder) == [b"2", b"4"]


def test_a_folder_with_nothing_left_to_deliver_is_empty(folder: Path, spool: Spool) -> None:
    spool.acknowledge([keep(spool, b"one"), keep(spool, b"two")])
    assert spool.size == frames.HEADER_SIZE
    spool.close()
    assert files(folder) == []


def test_an_emptied_segment_takes_further_records(folder: Path, spool: Spool) -> None:
    for number in range(3):
        receipt = keep(spool, b"%d" % number)
        if number < 2:
            spool.acknowledge([receipt])
    assert len(files(folder)) == 1
    spool.close()
    assert adopted(folder) == [b"2"]


def test_an_adopted_segment_is_removed_when_all_of_it_is_delivered(folder: Path, spool: Spool) -> None:
    keep(spool, b"one")
    spool.close()
    heir = Spool(folder, PLENTY)
    heir.acknowledge(receipt for receipt, _ in heir.adopt())
    assert files(folder) == []
    heir.close()


def test_segments_are_rotated_and_the_old_ones_removed(folder: Path, spool: Spool) -> None:
    receipts = [keep(spool, bytes(100_000)) for _ in range(50)]
    assert len(files(folder)) == 5
    assert spool.size > 5_000_000
    spool.acknowledge(reversed(receipts[:45]))
    assert len(files(folder)) == 1
    spool.close()
    assert len(adopted(folder)) == 5


def test_an_acknowledgement_twice_or_late_changes_nothing(folder: Path, spool: Spool) -> None:
    first, second = keep(spool, b"one"), keep(spool, b"two")
    spool.acknowledge([first, first])
    spool.acknowledge([first])
    assert spool.waiting == 1
    spool.close()
    spool.acknowledge([second])
    assert adopted(folder) == [b"two"]


def test_released_records_can_be_adopted_again(folder: Path, spool: Spool) -> None:
    receipts = [keep(spool, b"%d" % number) for number in range(4)]
    spool.acknowledge(receipts[:1])
    spool.release(receipts[:3])
    assert spool.adopt() == [], "one is still in memory"
    spool.release(receipts[3:])
    assert [payload for _, payload in spool.adopt()] == [b"1", b"2", b"3"]
    keep(spool, b"4")
    assert len(files(folder)) == 2


class TestBound:
    def test_a_full_spool_refuses_until_there_is_room(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        spool = Spool(folder, 200_000)
        receipts = [receipt for _ in range(300) if (receipt := spool.append(bytes(1000))) is not None]
        assert 150 < len(receipts) < 200
        assert spool.refused == 300 - len(receipts)
        assert spool.size <= 200_000
        assert capsys.readouterr().err.count("is full (200000 bytes, DBX_OTEL_SPOOL_MAX_BYTES)") <= 1
        spool.acknowledge(receipts)
        assert spool.append(bytes(1000)) is not None
        spool.close()

    def test_it_holds_for_all_processes_together(self, folder: Path) -> None:
        spools = [Spool(folder, 1_000_000) for _ in range(4)]
        for _ in range(2000):
            for spool in spools:
                spool.append(bytes(1000))
        assert 900_000 < spools[0].size < 1_000_000 + 4 * 62_500
        assert all(spool.appended > 150 for spool in spools), "none is left without"
        for spool in spools:
            spool.close()

    def test_none_keeps_none(self, folder: Path) -> None:
        spool = Spool(folder, 0)
        assert spool.append(b"one") is None
        assert not folder.exists()

    def test_a_record_larger_than_all_of_it_is_refused_and_a_smaller_one_is_not(self, folder: Path) -> None:
        spool = Spool(folder, 10_000)
        assert spool.append(bytes(20_000)) is None
        spool._look_at = 0.0
        assert spool.append(b"one") is not None
        spool.close()


class TestTrouble:
    def test_a_removed_folder_is_made_again(self, folder: Path, spool: Spool) -> None:
        lost = keep(spool, b"lost")
        shutil.rmtree(folder)
        kept = keep(spool, b"kept")
        spool.acknowledge([lost])
        spool.release([kept])
        assert adopted(folder) == [b"kept"]

    def test_a_removed_file_is_made_again(self, folder: Path, spool: Spool) -> None:
        keep(spool, b"lost")
        files(folder)[0].unlink()
        keep(spool, b"kept")
        spool.close()
        assert adopted(folder) == [b"kept"]

    def test_a_folder_that_cannot_be_used_is_one_line(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("DBX_OTEL_RUN_SAID", raising=False)
        (tmp_path / "file").write_text("")
        spool = Spool(tmp_path / "file" / "spool", PLENTY)
        assert [spool.append(b"one") for _ in range(100)] == [None] * 100
        assert spool.refused == 100
        assert spool.adopt() == []
        error = capfd.readouterr().err
        assert error.count("\n") == 1
        assert "security records are not kept in" in error
        assert "Not a directory" in error

    def test_a_folder_that_others_can_read_is_not_written_to(self, folder: Path, spool: Spool) -> None:
        folder.mkdir()
        folder.chmod(0o755)
        assert spool.append(b"one") is None
        assert files(folder) == []

    def test_a_full_disk_leaves_no_half_record(self, folder: Path) -> None:
        code = """
import resource, signal, sys
from dbx_otel.delivery.spool import Spool
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = Spool(sys.argv[1], 1 << 26)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
print(sum(spool.append(bytes(999)) is not None for _ in range(20)))
spool._retry_at = 0.0
print(spool.append(b"small") is not None)
"""
        done = subprocess.run(
            [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=20, check=True
        )
        assert done.stdout.split() == ["9", "True"]
        assert "File too large" in done.stderr or "wrote" in done.stderr
        assert adopted(folder) == [bytes(999)] * 9 + [b"small"]

    def test_no_descriptors_left(self, folder: Path) -> None:
        code = """
import os, resource, sys
from dbx_otel.delivery.spool import Spool
spool = Spool(sys.argv[1], 1 << 26)
resource.setrlimit(resource.RLIMIT_NOFILE, (10, 10))
taken = []
try:
    while True: taken.append(os.open("/dev/null", os.O_RDONLY))
except OSError: pass
print(spool.append(b"one") is None)
for descriptor in taken: os.close(descriptor)
spool._retry_at = 0.0
print(spool.append(b"two") is not None)
"""
        done = subprocess.run(
            [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=20, check=True
        )
        assert done.stdout.split() == ["True", "True"]
        assert "Too many open files" in done.stderr
        assert adopted(folder) == [b"two"]

    def test_a_descriptor_that_the_app_closed_and_used_again_is_not_written_to(
        self, spool: Spool, tmp_path: Path
    ) -> None:
        receipt = keep(spool, b"one")
        other = tmp_path / "other"
        with other.open("wb") as file:
            descriptor = receipt.segment._descriptor
            os.dup2(file.fileno(), descriptor)
            keep(spool, b"two")
            spool.acknowledge([receipt])
            os.close(descriptor)
        assert other.read_bytes() == b""


class TestAdoption:
    def test_other_files_are_left_alone(self, folder: Path, tmp_path: Path, spool: Spool) -> None:
        folder.mkdir(0o700)
        (folder / "notes.txt").write_text("notes")
        (folder / "1-00.spool").write_bytes(b"something else, of whatever program")
        (folder / "2-00.spool").symlink_to(tmp_path / "target")
        (folder / "3-00.spool").mkdir()
        os.mkfifo(folder / "4-00.spool")
        (tmp_path / "target").write_bytes(frames.header(b"12345678") + frames.record(b"12345678", 0, b"planted"))
        assert spool.adopt() == []
        assert spool.adopt() == []
        assert len(files(folder)) == 5
        assert (folder / "1-00.spool").read_bytes() == b"something else, of whatever program"

    def test_a_file_whose_writer_was_killed_before_its_first_record_is_removed(self, folder: Path) -> None:
        folder.mkdir(0o700)
        whole = frames.header(b"12345678")
        for size in range(len(whole) + 1):
            (folder / f"{size}-00.spool").write_bytes(whole[:size])
        assert adopted(folder) == []
        assert files(folder) == []

    def test_a_torn_tail_is_cut_off_and_damage_is_counted(
        self, folder: Path, spool: Spool, capfd: pytest.CaptureFixture[str]
    ) -> None:
        for number in range(4):
            keep(spool, b"record %d" % number)
        spool.close()
        (path,) = files(folder)
        whole = path.read_bytes()
        path.write_bytes(whole.replace(b"record 1", b"rEcord 1")[:-3])
        heir = Spool(folder, PLENTY)
        records = heir.adopt()
        assert [payload for _, payload in records] == [b"record 0", b"record 2"]
        assert heir.damaged == 1
        assert "damaged in 1 places" in capfd.readouterr().err
        heir.acknowledge([records[0][0]])
        heir.close()
        next_heir = Spool(folder, PLENTY)
        assert [payload for _, payload in next_heir.adopt()] == [b"record 2"]
        assert next_heir.damaged == 1, "the tail that was torn is not there any more"
        next_heir.close()

    def test_a_file_that_was_delivered_while_it_was_opened_is_not_taken(self, folder: Path, spool: Spool) -> None:
        receipt = keep(spool, b"one")
        spool.close()
        opened = os.open(files(folder)[0], os.O_RDWR)
        above = os.open(folder, os.O_RDONLY)
        name = receipt.segment.name
        assert _hold(above, name, opened)
        (folder / name).rename(folder / "another")
        assert not _hold(above, name, opened), "it is gone"
        (folder / name).write_bytes(b"")
        assert not _hold(above, name, opened), "the name is another file's"
        for descriptor in (opened, above):
            os.close(descriptor)

    def test_many_at_once_share_without_overlap(self, folder: Path) -> None:
        for number in range(20):
            left = Spool(folder, PLENTY)
            keep(left, b"%d" % number)
            left.close()
        heirs = [Spool(folder, PLENTY) for _ in range(4)]
        found: list[bytes] = []

        def work(spool: Spool) -> None:
            while records := spool.adopt():
                found.extend(payload for _, payload in records)

        threads = [threading.Thread(target=work, args=(spool,)) for spool in heirs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found) == sorted(b"%d" % number for number in range(20))
        for heir in heirs:
            heir.close()


class TestFork:
    def test_a_child_goes_on_with_a_file_of_its_own(self, folder: Path, spool: Spool) -> None:
        receipt = keep(spool, b"of the parent")

        def child() -> bool:
            assert spool.waiting == 0
            keep(spool, b"of the child")
            spool.acknowledge([receipt])
            return len(files(folder)) == 2

        assert exit_status_of_child(child) == 0
        assert [payload for _, payload in spool.adopt()] == [b"of the child"]
        spool.close()
        assert sorted(adopted(folder)) == [b"of the child", b"of the parent"]

    def test_a_child_that_lives_longer_does_not_hold_its_parents_file(self, folder: Path) -> None:
        code = """
import os, sys, time
from dbx_otel.delivery.spool import Spool
spool = Spool(sys.argv[1], 1 << 26)
spool.append(b"of the parent")
if os.fork() == 0:
    os.write(1, b"forked\\n")
    time.sleep(60)
    os._exit(0)
os.wait()
"""
        with subprocess.Popen(
            [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "forked\n"
                assert adopted(folder) == []
                process.kill()
                process.wait()
                assert adopted(folder) == [b"of the parent"]
            finally:
                os.killpg(process.pid, 9)

    def test_a_child_that_is_forked_while_a_file_is_made_does_not_hold_it(self, folder: Path) -> None:
        code = """
import os, sys, threading, time
from dbx_otel.delivery import spool as room
make = room.Segment.create
def slowly(folder):
    segment = make(folder)
    time.sleep(0.2)
    return segment
room.Segment.create = slowly
spool = room.Spool(sys.argv[1], 1 << 26)
thread = threading.Thread(target=spool.append, args=(b"of the parent",))
thread.start()
time.sleep(0.1)
if os.fork() == 0:
    os.write(1, b"forked\\n")
    time.sleep(60)
    os._exit(0)
thread.join()
os.write(1, b"kept\\n")
os.wait()
"""
        with subprocess.Popen(
            [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            try:
                assert process.stdout is not None
                assert {process.stdout.readline() for _ in range(2)} == {"forked\n", "kept\n"}
                process.kill()
                process.wait()
                assert adopted(folder) == [b"of the parent"]
            finally:
                os.killpg(process.pid, 9)

    def test_a_childs_end_does_not_free_its_parents_file(self, folder: Path, spool: Spool) -> None:
        keep(spool, b"of the parent")

        def child() -> bool:
            spool.close()
            return True

        assert exit_status_of_child(child) == 0
        assert adopted(folder) == []

    def test_a_child_of_a_process_whose_threads_are_appending(self, folder: Path, spool: Spool) -> None:
        stop = threading.Event()

        def work() -> None:
            while not stop.is_set():
                spool.append(b"of a thread")

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(10):
                assert exit_status_of_child(lambda: spool.append(b"of a child") is not None) == 0
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        written = spool.appended
        spool.close()
        found = adopted(folder)
        assert found.count(b"of a thread") == written
        assert found.count(b"of a child") == 10


def test_a_signal_handler_may_append_while_its_thread_does(folder: Path, spool: Spool) -> None:
    with spool._lock:
        keep(spool, b"in between")
    spool.close()
    assert adopted(folder) == [b"in between"]


def test_threads_lose_nothing(folder: Path, spool: Spool) -> None:
    def work(thread: int) -> None:
        for number in range(500):
            receipt = keep(spool, b"%d-%d" % (thread, number))
            if number % 2:
                spool.acknowledge([receipt])

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(6)]
    for running in threads:
        running.start()
    for running in threads:
        running.join()
    assert spool.waiting == 1500
    spool.close()
    assert sorted(adopted(folder)) == sorted(b"%d-%d" % (t, n) for t in range(6) for n in range(0, 500, 2))


def test_importing_it_loads_little() -> None:
    code = """
import sys, dbx_otel.delivery.exiting
before = set(sys.modules)
import dbx_otel.delivery.spool
print(sorted(name for name in set(sys.modules) - before if not name.startswith("dbx_otel")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20)
    assert set(eval(done.stdout)) <= {"struct", "_struct", "zlib", "collections.abc"}
