# SPDX-License-Identifier: Apache-2.0
"""The SDK starts once a process, whoever asks, and a failure is one line."""

import threading

import pytest

from dbx_otel import distro
from dbx_otel.distro import configure


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBX_OTEL_RUN_SAID", "")
    for name, value in {"_done": False, "_failed": False, "_starter": None}.items():
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
