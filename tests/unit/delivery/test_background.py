# SPDX-License-Identifier: Apache-2.0
"""Threads that start when there is something to do, and imports that forks wait for."""

import contextvars
import os
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from dbx_otel.delivery import exiting, import_guard, native
from dbx_otel.delivery.background import Background
from tests.support.forking import exit_status_of_child
from tests.support.stand_in import eventually


def test_it_is_started_once_and_woken_each_time() -> None:
    seen: list[int] = []
    ended = threading.Event()

    def run() -> None:
        while not background.is_closed:
            seen.append(threading.get_ident())
            background.wait(None)
        ended.set()

    background = Background(run)
    assert not background.is_running
    for count in range(1, 4):
        background.wake()
        assert eventually(partial(lambda wanted: len(seen) >= wanted, count))
    background.close()
    assert ended.wait(5)
    assert len(set(seen)) == 1


def test_it_does_not_run_in_the_context_of_who_woke_it() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nobody")
    variable.set("a person")
    seen: list[str] = []
    Background(lambda: seen.append(variable.get())).wake()
    assert eventually(lambda: seen == ["nobody"])


def test_at_the_end_of_the_process_none_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exiting, "_ending", True)
    background = Background(lambda: None)
    background.wake()
    assert not background.is_running


def test_where_no_thread_is_to_be_had_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    background = Background(done.set)

    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(native, "start_new_thread", refuse)
        background.wake()
    assert not background.is_running
    background.wake()
    assert done.wait(5)


SLOW = """
import logging, time
time.sleep(0.3)
logging.getLogger(__name__)  # takes the lock of logging, which is taken at forks
"""


def test_a_fork_waits_for_imports_and_the_child_can_import_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_to_import.py").write_text(SLOW)
    monkeypatch.syspath_prepend(tmp_path)
    begun = threading.Event()

    def load() -> None:
        with import_guard.importing(), import_guard.importing():
            begun.set()
            __import__("slow_to_import")

    thread = threading.Thread(target=load)
    thread.start()
    assert begun.wait(5)

    def child() -> bool:
        with import_guard.importing():
            __import__("slow_to_import")
        return "slow_to_import" in sys.modules

    since = time.monotonic()
    assert exit_status_of_child(child) == 0
    assert time.monotonic() - since > 0.2
    thread.join()
    with import_guard.importing():  # the parent has let it go
        assert os.getpid()
