# SPDX-License-Identifier: Apache-2.0
"""When a destination is tried again, and what is said of its being away."""

import pytest

from dbx_otel.delivery import outage, schedule
from dbx_otel.delivery.outage import Outage
from dbx_otel.delivery.schedule import Schedule


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(schedule, "time", made)
    monkeypatch.setattr(outage, "time", made)
    monkeypatch.setenv("DBX_OTEL_RUN_SAID", "")
    return made


def waits(made: Schedule, failures: int, *, in_haste: bool = False) -> list[float]:
    found = []
    for _ in range(failures):
        made.failed("traces", None, in_haste=in_haste)
        wait = made.seconds_to_next({"traces"})
        assert wait is not None
        found.append(wait)
    return found


def test_waits_double_up_to_half_a_minute_with_jitter(clock: Clock) -> None:
    for expected, wait in zip([1, 2, 4, 8, 16, 30, 30, 30], waits(Schedule(), 8), strict=True):
        assert expected / 2 <= wait <= expected
    assert len({waits(Schedule(), 1)[0] for _ in range(50)}) > 1


def test_at_the_end_waits_are_short(clock: Clock) -> None:
    assert max(waits(Schedule(), 8, in_haste=True)) <= 0.5


def test_a_hundred_thousand_failures_are_no_overflow(clock: Clock) -> None:
    made = Schedule()
    made.failures["traces"] = 100_000
    assert 15 <= waits(made, 1)[0] <= 30


@pytest.mark.parametrize(("asked", "waited"), [(7.0, 7.0), (0.0, 0.0), (-3.0, 0.0), (86_400.0, 300.0)])
def test_what_the_destination_asks_for_is_kept(clock: Clock, asked: float, waited: float) -> None:
    made = Schedule()
    made.failed("logs", asked, in_haste=False)
    assert made.seconds_to_next({"logs"}) == waited


def test_signals_wait_each_on_their_own(clock: Clock) -> None:
    made = Schedule()
    made.failed("traces", 10, in_haste=False)
    assert made.ready() == ["logs", "metrics"]
    assert made.seconds_to_next({"traces"}) == 10
    assert made.seconds_to_next({"traces", "logs"}) == 0
    assert made.seconds_to_next(set()) is None
    clock.now += 10
    assert made.ready() == ["traces", "logs", "metrics"]
    made.succeeded("traces")
    assert made.failures == {}


def test_a_destination_that_is_back_is_asked_for_all_signals(clock: Clock) -> None:
    made = Schedule()
    for signal in ("traces", "logs", "metrics"):
        made.failed(signal, 20 if signal == "metrics" else None, in_haste=False)
    clock.now += 1
    made.failed("traces", None, in_haste=False)
    made.succeeded("logs")
    assert made.ready() == ["traces", "logs"]
    assert made.failures.keys() == {"traces", "metrics"}


def test_one_that_takes_some_all_along_is_not_asked_for_the_others_each_time(clock: Clock) -> None:
    made = Schedule()
    made.failed("traces", None, in_haste=False)
    made.succeeded("logs")
    made.failed("traces", None, in_haste=False)
    made.succeeded("logs")
    assert made.ready() == ["logs", "metrics"]


def test_at_the_end_everything_is_tried_at_once(clock: Clock) -> None:
    made = Schedule()
    made.failed("traces", 100, in_haste=False)
    made.try_now()
    assert made.ready() == ["traces", "logs", "metrics"]


def test_an_outage_is_two_lines(clock: Clock, capfd: pytest.CaptureFixture[str]) -> None:
    made = Outage("http://c:4318", 32 * 2**20, keeps_on_disk=True)
    made.failed("connection refused", again=False)
    assert capfd.readouterr().err == ""
    for _ in range(20):
        clock.now += 1
        made.failed("connection refused", again=True)
    assert capfd.readouterr().err == (
        "dbx-otel: http://c:4318 does not take telemetry (connection refused): it is kept in memory, up to 32 MiB, "
        "until that is back; security records are on disk, too\n"
    )
    assert made.is_under_way
    made.given_up("traces", "buffer_full", 3)
    made.given_up("traces", "buffer_full", 4)
    made.ended()
    made.ended()
    assert capfd.readouterr().err == (
        "dbx-otel: http://c:4318 takes telemetry again after 20 s; lost meanwhile: 7 spans (memory was full)\n"
    )
    assert not made.is_under_way


def test_one_failed_attempt_is_not_worth_a_line(clock: Clock, capfd: pytest.CaptureFixture[str]) -> None:
    made = Outage("c", 1, keeps_on_disk=False)
    made.failed("timeout", again=False)
    made.ended()
    assert capfd.readouterr().err == ""


def test_a_destination_that_comes_and_goes_is_not_a_line_each_time(
    clock: Clock, capfd: pytest.CaptureFixture[str]
) -> None:
    made = Outage("c", 1, keeps_on_disk=False)
    for _ in range(20):
        made.failed("timeout", again=False)
        made.failed("timeout", again=True)
        clock.now += 2
        made.ended()
        clock.now += 3
    assert capfd.readouterr().err.count("\n") == 4


def test_what_is_lost_while_all_is_well_is_not_told_later(clock: Clock, capfd: pytest.CaptureFixture[str]) -> None:
    made = Outage("c", 1, keeps_on_disk=False)
    made.given_up("logs", "refused", 5)
    made.failed("x", again=False)
    made.failed("x", again=True)
    made.ended()
    assert "lost meanwhile: nothing" in capfd.readouterr().err
