# SPDX-License-Identifier: Apache-2.0
"""The flush at exit: within a deadline whatever happens, at every kind of ending, beside the app's own handlers."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from dbx_otel.delivery import exiting, sigterm, standby
from tests.support.forking import exit_status_of_child

FLUSH = "from dbx_otel.delivery import exiting; exiting.install([('x', lambda: print('flushed', flush=True))], 5)"


@pytest.fixture(autouse=True, params=[False, True], ids=["threads", "standby"])
def fresh(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The module as in a new process; once with threads of the moment, once with those that stand by."""
    monkeypatch.setenv("DBX_OTEL_RUN_SAID", "")
    monkeypatch.setattr(exiting, "_flushes", [])
    monkeypatch.setattr(exiting, "_left", None)
    for name, value in {"_spent": 0.0, "_since": None, "_ending": False}.items():
        monkeypatch.setattr(exiting, name, value)
    monkeypatch.setattr(sigterm, "_last_work", None)
    monkeypatch.setattr(standby, "NEEDED", request.param)
    before = signal.getsignal(signal.SIGTERM)
    yield
    exiting._flushes.clear()  # what atexit calls later
    signal.signal(signal.SIGTERM, before)


def seconds(call: Callable[[], None]) -> float:
    begin = time.monotonic()
    call()
    return time.monotonic() - begin


def never() -> None:
    threading.Event().wait()


def test_everything_is_flushed_side_by_side() -> None:
    together = threading.Barrier(3, timeout=5)
    done: list[int] = []

    def flush() -> None:
        done.append(together.wait())

    # Two destinations may bear one name.
    exiting.install([("a", flush), ("a", flush), ("b", flush)], 5)
    assert seconds(exiting.flush) < 4
    assert sorted(done) == [0, 1, 2]


def test_one_that_never_returns_takes_no_more_than_the_deadline(capfd: pytest.CaptureFixture[str]) -> None:
    done: list[str] = []
    exiting.install([("first", never), ("second", lambda: done.append("second")), ("third", never)], 0.3)
    assert 0.3 <= seconds(exiting.flush) < 1.5
    assert done == ["second"]
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert "at exit, first and third could not be sent within 0.3 s (DBX_OTEL_EXIT_DEADLINE)" in err


def test_what_is_left_is_told_once_and_only_at_the_end_of_the_process(capfd: pytest.CaptureFixture[str]) -> None:
    left = [exiting.Unsent("slow", "3 spans", "1 is on disk"), exiting.Unsent("quick", "4 spans", "they are lost")]
    exiting.install([("slow", never), ("quick", lambda: None)], 0.2, lambda: left)
    exiting.flush()
    assert "at exit, slow could not be sent within 0.2 s" in capfd.readouterr().err
    exiting.flush_at_end()
    assert capfd.readouterr().err == (
        "dbx-otel: at exit, 3 spans could not be sent within 0.2 s (DBX_OTEL_EXIT_DEADLINE): 1 is on disk\n"
        "dbx-otel: at exit, 4 spans could not be sent within 0.2 s (DBX_OTEL_EXIT_DEADLINE): they are lost\n"
    )


def test_the_time_that_is_left_shrinks() -> None:
    found: list[float] = []

    def flush() -> None:
        time.sleep(0.1)
        found.append(exiting.time_left())

    exiting.install([("a", flush)], 5)
    assert exiting.time_left() == 5
    exiting.flush()
    assert 4 < found[0] < 4.95
    assert found[0] - 0.5 < exiting.time_left() <= found[0]


def test_flushes_of_one_process_share_the_deadline(capfd: pytest.CaptureFixture[str]) -> None:
    exiting.install([("dead", never)], 0.3)
    assert seconds(exiting.flush) >= 0.3
    assert seconds(exiting.flush) < 0.2
    assert capfd.readouterr().err.count("\n") == 1


def test_what_the_app_does_between_two_flushes_takes_nothing_of_the_deadline(
    capfd: pytest.CaptureFixture[str],
) -> None:
    exiting.install([("slow", lambda: time.sleep(0.1))], 1.0)
    exiting.flush()  # a server has ended
    time.sleep(1.1)  # its app cleans up
    assert seconds(exiting.flush) >= 0.1
    assert capfd.readouterr().err == ""


def test_a_signal_during_a_flush_does_not_begin_the_deadline_anew() -> None:
    took: list[float] = []
    exiting.install([("dead", never)], 1.0)
    before = signal.signal(signal.SIGALRM, lambda *_: took.append(seconds(exiting.flush)))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.7)
        assert 1.0 <= seconds(exiting.flush) < 1.6
    finally:
        signal.signal(signal.SIGALRM, before)
    assert len(took) == 1
    assert took[0] < 0.7


def test_only_the_end_of_the_process_is_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[bool] = []
    exiting.install([("a", lambda: found.append(exiting.is_under_way()))], 5)
    exiting.flush()
    for end in (exiting._at_exit, exiting._at_sigterm):
        monkeypatch.setattr(exiting, "_ending", False)
        end()
    assert found == [False, True, True]
    assert exiting.is_under_way()


def test_flushing_again_sends_what_came_between() -> None:
    count: list[int] = []
    exiting.install([("a", lambda: count.append(1))], 5)
    exiting.flush()
    exiting.flush()
    assert len(count) == 2


def test_no_time_at_all_is_no_wait() -> None:
    exiting.install([("dead", never)], 0)
    assert seconds(exiting.flush) < 0.2


def test_nothing_to_flush_is_nothing_said(capfd: pytest.CaptureFixture[str]) -> None:
    exiting.install([], 5)
    assert seconds(exiting.flush) < 0.2
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("error", [RuntimeError("broken"), OSError(5, "gone")])
def test_one_that_raises_is_reported_and_touches_no_other(error: Exception, capfd: pytest.CaptureFixture[str]) -> None:
    done: list[str] = []

    def fail() -> None:
        raise error

    exiting.install([("a", fail), ("b", lambda: done.append("b"))], 5)
    assert seconds(exiting.flush) < 1
    assert done == ["b"]
    assert f"a flush at exit failed: {type(error).__name__}: {error}" in capfd.readouterr().err


def test_where_no_thread_is_to_be_had_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []
    exiting.install([("a", lambda: done.append("a")), ("b", lambda: done.append("b"))], 5)
    start, calls = threading.Thread.start, iter([True])

    def refuse_first(self: threading.Thread) -> None:
        if next(calls, False):
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", refuse_first)
    assert seconds(exiting.flush) < 1
    if standby.NEEDED:
        assert sorted(done) == ["a", "b"]  # they have theirs
    else:
        assert done == ["b"]
        assert "at exit, a could not be sent: can't start new thread" in capfd.readouterr().err


def test_a_forked_child_has_an_exit_and_threads_of_its_own() -> None:
    reader, writer = os.pipe()
    exiting.install([("a", lambda: os.write(writer, str(os.getpid()).encode()))], 5)
    exiting._spent = 5.0  # the parent's exit has used its time up
    exiting._since = time.monotonic()
    exiting._ending = True

    def child() -> bool:
        found = exiting._spent, exiting._since, exiting.is_under_way()
        exiting.flush()
        return found == (0.0, None, False)

    assert exit_status_of_child(child) == 0
    os.close(writer)
    said = os.read(reader, 100)
    os.close(reader)
    assert said.isdigit()
    assert int(said) != os.getpid()


# --- In real processes.


def python(code: str, *, status: int, out: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert (done.stdout, done.returncode) == (out, status), done.stderr


TERM = "import os, signal, time; os.kill(os.getpid(), signal.SIGTERM); time.sleep(0.2); print('went on', flush=True)"


@pytest.mark.parametrize(
    ("code", "status", "out"),
    [
        ("pass", 0, ""),
        ("import sys; sys.exit(3)", 3, ""),
        ("1/0", 1, ""),
        ("raise KeyboardInterrupt", -signal.SIGINT, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", -signal.SIGINT, ""),
        (TERM, -signal.SIGTERM, ""),
        ("print('buffered'); " + TERM, -signal.SIGTERM, "buffered\n"),
    ],
)
def test_every_kind_of_ending_flushes(code: str, status: int, out: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{FLUSH}\n{code}"], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == status
    assert sorted(done.stdout.splitlines()) == sorted(["flushed", *out.splitlines()])


def test_a_handler_of_the_app_stays_where_it_was_set_before() -> None:
    handler = "import signal; signal.signal(signal.SIGTERM, lambda *_: print('mine', flush=True))"
    python(f"{handler}\n{FLUSH}\n{TERM}", status=0, out="mine\nwent on\nflushed\n")


def test_a_handler_of_the_app_takes_our_place_where_it_is_set_later() -> None:
    handler = "import signal; signal.signal(signal.SIGTERM, lambda *_: print('mine', flush=True))"
    python(f"{FLUSH}\n{handler}\n{TERM}", status=0, out="mine\nwent on\nflushed\n")


def test_an_ignored_signal_stays_ignored() -> None:
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    python(f"{ignore}\n{FLUSH}\n{TERM}", status=0, out="went on\nflushed\n")


def test_a_second_signal_ends_the_process_at_once() -> None:
    code = (
        "from dbx_otel.delivery import exiting; import os, signal, threading\n"
        "exiting.install([('dead', threading.Event().wait)], 14)\n"
        "threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    begin = time.monotonic()
    python(code, status=-signal.SIGTERM, out="")
    assert time.monotonic() - begin < 5


def test_sigterm_ends_within_the_deadline() -> None:
    code = (
        "from dbx_otel.delivery import exiting; import os, signal, threading\n"
        "exiting.install([('dead', threading.Event().wait)], 0.4)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    begin = time.monotonic()
    python(code, status=-signal.SIGTERM, out="")
    assert 0.4 < time.monotonic() - begin < 3


def test_multiprocessing_children_flush() -> None:
    code = f"""
import multiprocessing, multiprocessing.process
from dbx_otel.instrumentation import multiprocessing as ours
ours.instrument(multiprocessing.process)
{FLUSH}
child = multiprocessing.get_context('fork').Process(target=print, args=('child',), kwargs={{'flush': True}})
child.start(); child.join()
print('parent', child.exitcode, flush=True)
"""
    python(code, status=0, out="child\nflushed\nparent 0\nflushed\n")
