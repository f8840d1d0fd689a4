# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
import threading

from dbx_otel.delivery import standby
from dbx_otel.delivery.standby import Standby
from tests.support.forking import exit_status_of_child


def test_it_does_one_thing_after_the_other() -> None:
    done: list[int] = []
    last = threading.Event()
    thread = Standby("standby-test")
    for number in range(5):
        thread.run(lambda number=number: done.append(number))  # type: ignore[misc]  # a default binds it
    thread.run(last.set)
    assert last.wait(5)
    assert done == [0, 1, 2, 3, 4]


def test_a_forked_child_has_its_own() -> None:
    thread = Standby("standby-test")
    done = threading.Event()

    def child() -> bool:
        thread.run(done.set)
        return done.wait(5)

    assert exit_status_of_child(child) == 0


def test_it_holds_no_process_up() -> None:
    code = "from dbx_otel.delivery.standby import Standby; Standby('x'); print('end')"
    assert subprocess.run([sys.executable, "-c", code], timeout=10, check=True, capture_output=True).stdout == b"end\n"


def test_it_is_needed_exactly_where_no_thread_starts_at_exit() -> None:
    code = (
        "import atexit, threading\n"
        "def work():\n"
        " thread = threading.Thread(target=print, args=('started',)); thread.start(); thread.join()\n"
        "atexit.register(work)"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=10, check=False, capture_output=True)
    assert (done.stdout != b"started\n") == standby.NEEDED
