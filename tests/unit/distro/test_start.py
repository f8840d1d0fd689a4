# SPDX-License-Identifier: Apache-2.0
"""The SDK starts once a process, whoever asks, and a failure is one line."""

import threading
import time

import pytest

from dbx_otel import distro
from dbx_otel.distro import configure
from tests.support.forking import exit_status_of_child


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBX_OTEL_RUN_SAID", "")
    for name, value in {"_done": False, "_failed": False, "_starter": None, "_longest_wait": 10.0}.items():
        monkeypatch.setattr(distro, name, value)


def test_it_starts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(configure, "configure", lambda: calls.append(1))
    assert [distro.start(wait=wait) for wait in (False, True, True)] == [True, True, True]
    assert calls == [1]


def test_what_configuring_asks_for_is_not_a_second_start(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[bool] = []
    monkeypatch.setattr(configure, "configure", lambda: calls.append(distro.start(wait=True)))
    assert distro.start(wait=False) is True
    assert calls == [True]


def test_a_failure_is_one_line_and_is_remembered(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise RuntimeError("no luck")

    monkeypatch.setattr(configure, "configure", fail)
    assert [distro.start(wait=False) for _ in range(3)] == [False] * 3
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith("dbx-otel: telemetry is off, the app is not touched: RuntimeError: no luck. Remedy: ")


def test_who_waits_waits_and_who_must_not_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        assert go_on.wait(10)

    monkeypatch.setattr(configure, "configure", slow)
    starter = threading.Thread(target=distro.start, kwargs={"wait": False})
    starter.start()
    assert begun.wait(10)
    assert distro.start(wait=False) is True  # as far as is known
    assert distro._done is False
    done: list[bool] = []

    def wait() -> None:
        distro.start(wait=True)
        done.append(distro._done)

    waiter = threading.Thread(target=wait)
    waiter.start()
    waiter.join(0.1)
    assert waiter.is_alive()
    go_on.set()
    for thread in (starter, waiter):
        thread.join(10)
    assert done == [True]


def test_who_has_waited_in_vain_does_not_wait_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distro, "_longest_wait", 0.3)
    with distro._lock:
        begin = time.monotonic()
        assert [distro.start(wait=True) for _ in range(5)] == [True] * 5
        assert 0.3 <= time.monotonic() - begin < 1.4


def test_a_child_forked_during_the_start_goes_on_without_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        assert go_on.wait(20)

    monkeypatch.setattr(configure, "configure", slow)
    starter = threading.Thread(target=distro.start, kwargs={"wait": False})
    starter.start()
    assert begun.wait(10)

    def child() -> bool:
        begin = time.monotonic()
        return distro.start(wait=True) is False and time.monotonic() - begin < 1

    status = exit_status_of_child(child)
    go_on.set()
    starter.join(10)
    assert status == 0
    assert distro.start(wait=True) is True  # here it has started
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert "it was forked while another thread of its parent started OpenTelemetry. Remedy: " in err


@pytest.mark.parametrize("done", [False, True])
def test_a_child_forked_before_or_after_starts_as_its_parent(done: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(configure, "configure", lambda: calls.append(1))
    if done:
        distro.start(wait=True)
    assert exit_status_of_child(lambda: distro.start(wait=True) and calls == [1]) == 0


def test_a_child_forked_by_the_start_itself_is_still_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[int] = []

    def forking() -> None:
        found.append(exit_status_of_child(lambda: distro.start(wait=True) and not distro._done))

    monkeypatch.setattr(configure, "configure", forking)
    assert distro.start(wait=True) is True
    assert found == [0]
