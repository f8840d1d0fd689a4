# SPDX-License-Identifier: Apache-2.0
"""The handler of SIGTERM: tiny until there is something to send, and behind every handler of the app."""

import signal
import subprocess
import sys
import time

import pytest

TERM = "import os, signal, time; os.kill(os.getpid(), signal.SIGTERM); time.sleep(0.2); print('went on', flush=True)"
HANDLE = "from dbx_otel.delivery import sigterm; sigterm.handle()"


def python(code: str) -> tuple[int, str, str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("before", ["pass", "print('buffered')", "import logging", "import signal"])
def test_where_nothing_is_to_be_sent_the_process_ends_as_bare(before: str) -> None:
    bare = python(f"{before}\n{TERM}")
    assert bare[0] == -signal.SIGTERM
    assert python(f"{HANDLE}\n{before}\n{TERM}") == bare


@pytest.mark.parametrize("waiting", ["time.sleep(60)", "threading.Event().wait()", "\n while True: pass", "input()"])
def test_it_ends_at_once(waiting: str) -> None:
    code = f"import threading, time\n{HANDLE}\nprint('ready', flush=True)\nif True: {waiting}"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        begin = time.monotonic()
        process.terminate()
        assert process.wait(20) == -signal.SIGTERM
        assert time.monotonic() - begin < 2


def test_last_work_is_done_first() -> None:
    work = "sigterm.end_with(lambda: print('done', flush=True))"
    assert python(f"{HANDLE}\n{work}\n{TERM}") == (-signal.SIGTERM, "done\n", "")


def test_an_interrupt_of_the_last_work_does_not_keep_it_alive() -> None:
    work = "def interrupt(): raise KeyboardInterrupt\nsigterm.end_with(interrupt)"
    assert python(f"{HANDLE}\n{work}\n{TERM}")[:2] == (-signal.SIGTERM, "")


def test_a_thread_that_brings_the_last_work_finds_the_handler_set() -> None:
    code = f"""
{HANDLE}
import threading
def work():
    from dbx_otel.delivery import exiting
    exiting.install([('x', lambda: print('flushed', flush=True))], 5)
thread = threading.Thread(target=work); thread.start(); thread.join()
{TERM}
"""
    assert python(code) == (-signal.SIGTERM, "flushed\n", "")


def test_another_thread_than_the_main_one_sets_none_and_says_nothing() -> None:
    code = f"""
import signal, threading
def work():
    {HANDLE}
thread = threading.Thread(target=work); thread.start(); thread.join()
print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
"""
    assert python(code) == (0, "True\n", "")


@pytest.mark.parametrize(
    ("handler", "out"),
    [("signal.SIG_IGN", "went on\n"), ("lambda *_: print('mine', flush=True)", "mine\nwent on\n")],
)
def test_the_apps_word_counts_before_and_after(handler: str, out: str) -> None:
    own = f"import signal; signal.signal(signal.SIGTERM, {handler})"
    assert python(f"{own}\n{HANDLE}\n{TERM}") == (0, out, "")
    assert python(f"{HANDLE}\n{own}\n{TERM}") == (0, out, "")


def test_it_loads_nothing() -> None:
    code = (
        "import __future__, sys; before = set(sys.modules)\n"
        f"{HANDLE}\n"
        "print(*sorted(name for name in set(sys.modules) - before if not name.startswith('dbx_otel')))"
    )
    assert python(code) == (0, "\n", "")
