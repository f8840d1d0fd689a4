# SPDX-License-Identifier: Apache-2.0
"""Delivery against a collector that goes away, refuses, stalls, drips and comes back: what is produced is delivered."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from dbx_otel.delivery import exiting, schedule, sender, worker
from dbx_otel.delivery.delivery import Delivery
from dbx_otel.delivery.spool import Spool
from tests.support import records
from tests.support.stand_in import StandIn, eventually, stand_in

SOON = {"OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_BLRP_SCHEDULE_DELAY": "50", "OTEL_METRIC_EXPORT_INTERVAL": "3600000"}
LATE = {**SOON, "OTEL_BSP_SCHEDULE_DELAY": "3600000", "OTEL_BLRP_SCHEDULE_DELAY": "3600000"}

Make = Callable[..., Delivery]


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBX_OTEL_RUN_SAID", "")


@pytest.fixture
def collector() -> Iterator[StandIn]:
    with stand_in() as made:
        yield made


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Delivery] = []

    def deliver(destinations: Sequence[Any], environ: dict[str, str] = SOON, **more: Any) -> Delivery:
        made.append(Delivery(destinations, environ=environ, **{"buffer_max_bytes": 1 << 25, **more}))
        return made[-1]

    yield deliver
    for one in made:
        one.close()


def names(count: int, first: int = 0) -> list[str]:
    return [f"span {number}" for number in range(first, first + count)]


def offer_spans(delivery: Delivery, wanted: Sequence[str]) -> None:
    for name in wanted:
        delivery.offer_span(records.span(name))


def test_everything_arrives_once(collector: StandIn, make: Make) -> None:
    delivery = make([collector.destination()])
    delivery.collect_metrics_with(records.metrics)
    offer_spans(delivery, names(1200))
    for number in range(700):
        delivery.offer_log(records.log(f"line {number}"))
    assert delivery.flush(10)
    assert sorted(collector.got.span_names) == sorted(names(1200))
    assert sorted(collector.got.bodies) == sorted(f"line {number}" for number in range(700))
    assert [metric.name for metric in collector.got.metrics if metric.name == "requests"] == ["requests"]
    assert delivery.health.sent(collector.url, "traces") == 1200
    assert delivery.health.lost("traces") == delivery.health.lost("logs") == {}
    assert delivery.left() == []


def test_it_is_sent_without_being_asked(collector: StandIn, make: Make) -> None:
    delivery = make([collector.destination()])
    offer_spans(delivery, ["one"])
    delivery.offer_log(records.log("line"))
    assert eventually(lambda: bool(collector.got.spans and collector.got.logs))


def test_a_full_batch_does_not_wait_for_its_time(collector: StandIn, make: Make) -> None:
    delivery = make([collector.destination()], {**LATE, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "8"})
    offer_spans(delivery, names(7))
    time.sleep(0.2)
    assert collector.got.spans == []
    offer_spans(delivery, ["the eighth"])
    assert eventually(lambda: len(collector.got.spans) == 8)


def test_metrics_are_collected_at_their_interval(collector: StandIn, make: Make) -> None:
    delivery = make([collector.destination()], {**LATE, "OTEL_METRIC_EXPORT_INTERVAL": "50"})
    delivery.collect_metrics_with(records.metrics)
    assert eventually(lambda: len(collector.got.metrics) >= 3)


def test_what_hangs_in_a_collection_of_metrics_holds_up_neither_spans_nor_the_end(
    collector: StandIn, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()
    delivery = make([collector.destination()], {**LATE, "OTEL_METRIC_EXPORT_INTERVAL": "1"})
    delivery.collect_metrics_with(lambda: let_go.wait(30) and None)
    time.sleep(0.05)
    offer_spans(delivery, names(3))
    begin = time.monotonic()
    assert not delivery.flush(0.5)
    assert time.monotonic() - begin < 1.5
    assert collector.got.span_names == names(3)
    let_go.set()


def test_what_a_collector_misses_while_it_is_away_arrives_when_it_is_back(
    collector: StandIn, make: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    delivery = make([collector.destination()], {"OTEL_BSP_SCHEDULE_DELAY": "500", "OTEL_BLRP_SCHEDULE_DELAY": "500"})
    wanted: list[str] = []

    def produce(seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            wanted.append(f"span {len(wanted)}")
            delivery.offer_span(records.span(wanted[-1]))
            delivery.offer_log(records.log(wanted[-1]))
            delivery.offer_log(records.security_log(wanted[-1]))
            time.sleep(0.01)

    produce(0.5)
    collector.go_away()
    produce(8)
    assert delivery.health.lost("traces") == {}
    collector.come_back()
    produce(0.5)
    assert eventually(
        lambda: len(collector.got.spans) >= len(wanted) and len(collector.got.logs) >= 2 * len(wanted), 30
    )
    # A request whose answer the outage has cut off is sent again: that is what "at least once" means.
    assert set(collector.got.span_names) == set(wanted)
    assert set(collector.got.bodies) == set(wanted)
    assert len(collector.got.spans) <= len(wanted) + 200
    err = capfd.readouterr().err
    assert err.count("does not take telemetry") == 1
    assert err.count("takes telemetry again after") == 1
    assert "lost meanwhile: nothing" in err
    assert err.count("\n") == 2


def test_after_an_outage_security_records_go_first(collector: StandIn, make: Make) -> None:
    collector.status[""] = 503
    delivery = make([collector.destination()])
    for number in range(5):
        offer_spans(delivery, names(1, number))
        delivery.offer_log(records.log())
        assert eventually(lambda: delivery.health.queued("traces") == delivery.health.queued("logs") == 0)
    delivery.offer_log(records.security_log("denied"))
    assert eventually(lambda: delivery.health.queued("logs") == 0)
    collector.status.clear()
    assert delivery.flush(5)
    assert collector.got.logs[0].event_name == "security.authz.fail"
    assert collector.got.span_names == names(5)


def test_when_memory_is_full_ordinary_spans_are_given_up_first_and_all_is_counted(
    collector: StandIn, make: Make
) -> None:
    collector.status[""] = 503
    delivery = make([collector.destination()], buffer_max_bytes=20_000)
    offer_spans(delivery, [])
    for number in range(80):
        offer_spans(delivery, names(1, number))
        delivery.offer_span(records.important_span(f"important {number}")) if number % 8 == 0 else None
        delivery.offer_log(records.log(f"line {number}")) if number % 4 == 0 else None
        delivery.offer_log(records.security_log(f"denied {number}")) if number % 16 == 0 else None
        assert eventually(lambda: delivery.health.queued("traces") == delivery.health.queued("logs") == 0)
    assert delivery.health.lost("traces").keys() == {"buffer_full"}
    assert delivery.health.lost("logs") == {}
    collector.status.clear()
    assert delivery.flush(10)
    given_up = delivery.health.lost("traces")["buffer_full"]
    assert given_up > 0
    assert len(collector.got.spans) + given_up == 90
    assert sum(name.startswith("important") for name in collector.got.span_names) == 10
    assert len(collector.got.logs) == 25
    assert collector.got.span_names[-1] == "span 79"  # the newest are kept


def test_memory_holds_ten_minutes_of_fifty_requests_a_second(collector: StandIn, make: Make) -> None:
    collector.status[""] = 503
    delivery = make([collector.destination()], LATE)
    # A twentieth of it, with the attributes of a server span.
    for _ in range(3):
        for number in range(500):
            delivery.offer_span(records.server_span(number))
            delivery.offer_log(records.log(f"GET /orders/{number} took {number * 7 % 1000} ms"))
        assert not delivery.flush(0.01)
    memory = delivery.health.senders[0].ring.size
    assert 20 * memory < 32 * 2**20
    assert delivery.health.lost("traces") == delivery.health.lost("logs") == {}


def test_a_queue_that_overflows_counts_what_it_cannot_take_but_keeps_what_is_important(
    collector: StandIn, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = make(
        [collector.destination()], {**LATE, "OTEL_BSP_MAX_QUEUE_SIZE": "10", "OTEL_BLRP_MAX_QUEUE_SIZE": "10"}
    )
    monkeypatch.setattr(exiting, "_ending", True)  # no thread is started, so that the queue stays full
    offer_spans(delivery, names(25))
    for number in range(15):
        delivery.offer_span(records.important_span(f"important {number}"))
        delivery.offer_log(records.log())
        delivery.offer_log(records.security_log())
    assert delivery.health.lost("traces") == {"queue_full": 20}
    assert delivery.health.lost("logs") == {"queue_full": 5}
    assert delivery.flush(5)
    assert len(collector.got.spans) == 20
    assert sum(name.startswith("important") for name in collector.got.span_names) == 10
    assert len(collector.got.logs) == 25


def test_many_threads_at_once_and_what_is_delivered_is_what_was_produced(collector: StandIn, make: Make) -> None:
    delivery = make([collector.destination()], {**SOON, "OTEL_BSP_MAX_QUEUE_SIZE": "100000"})
    begin = threading.Barrier(8)

    def produce(worker: int) -> None:
        begin.wait(10)
        for number in range(300):
            delivery.offer_span(records.span(f"{worker}.{number}"))
            delivery.offer_log(records.security_log(f"{worker}.{number}"))

    threads = [threading.Thread(target=produce, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert delivery.flush(20)
    wanted = sorted(f"{worker}.{number}" for worker in range(8) for number in range(300))
    assert sorted(collector.got.span_names) == wanted
    assert sorted(collector.got.bodies) == wanted


def test_retry_after_is_kept_to(collector: StandIn, make: Make) -> None:
    collector.status[""], collector.headers["Retry-After"] = 429, "2"
    delivery = make([collector.destination()])
    offer_spans(delivery, ["one"])
    assert eventually(lambda: collector.attempts == 1)
    collector.status.clear()
    begin = time.monotonic()
    assert eventually(lambda: bool(collector.got.spans))
    assert 1.7 < time.monotonic() - begin < 4
    assert collector.attempts == 2


def test_a_signal_that_is_not_taken_does_not_hold_up_the_others(collector: StandIn, make: Make) -> None:
    collector.status["/v1/traces"] = 503
    delivery = make([collector.destination()])
    offer_spans(delivery, ["one"])
    assert eventually(lambda: collector.attempts >= 1)
    delivery.offer_log(records.log("line"))
    assert eventually(lambda: collector.got.bodies == ["line"], 3)


def test_what_is_refused_is_counted_and_said_once(
    collector: StandIn, make: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    collector.status["/v1/traces"] = 400
    delivery = make([collector.destination()])
    for number in range(4):
        offer_spans(delivery, names(1, number))
        assert delivery.flush(5)
    delivery.offer_log(records.log("line"))
    assert delivery.flush(5)
    assert delivery.health.lost("traces") == {"refused": 4}
    assert delivery.health.sent(collector.url, "traces") == 0
    assert collector.got.bodies == ["line"]
    err = capfd.readouterr().err
    assert err.count(f"{collector.url} refuses traces") == err.count("\n") == 1


@pytest.mark.parametrize(("status", "left"), [(401, 3), (400, 0)])
def test_security_records_outlast_a_wrong_token_but_not_what_is_wrong_with_them(
    collector: StandIn, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, left: int
) -> None:
    monkeypatch.setattr(sender, "_REST", 0.5)
    monkeypatch.setattr(worker, "_ADOPTION_INTERVAL", 0.1)
    collector.status["/v1/logs"] = status
    delivery = make([collector.destination()], spool=Spool(tmp_path / "spool", 1 << 20))
    wanted = [f"record {number}" for number in range(3)]
    for body in wanted:
        delivery.offer_log(records.log(body, "security.test"))
    assert eventually(lambda: collector.attempts >= 1)
    assert delivery.flush(5)
    assert delivery.health.lost("logs") == ({} if left else {"refused": 3})
    attempts = collector.attempts
    time.sleep(0.3)
    assert collector.attempts == attempts  # not in circles
    collector.status.clear()
    if left:
        assert eventually(lambda: sorted(collector.got.bodies) == wanted, 5)
    else:
        time.sleep(1)
        assert collector.got.bodies == []


def test_what_is_taken_in_part_is_counted(collector: StandIn, make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    collector.rejected = 2
    delivery = make([collector.destination()])
    offer_spans(delivery, names(5))
    assert delivery.flush(5)
    assert delivery.health.lost("traces") == {"rejected": 2}
    assert delivery.health.sent(collector.url, "traces") == 3
    assert "takes traces in part only" in capfd.readouterr().err


@pytest.mark.parametrize("how", ["away", "stalls", "drips", "status"])
def test_a_dead_destination_costs_the_others_nothing(collector: StandIn, make: Make, how: str) -> None:
    with stand_in() as dead:
        if how == "away":
            dead.go_away()
        elif how == "status":
            dead.status[""] = 503
        else:
            setattr(dead, how, True)
        delivery = make([dead.destination(), collector.destination()])
        offer_spans(delivery, names(3))
        assert eventually(lambda: collector.got.span_names == names(3), 2)
        assert dead.got.spans == []


def test_a_destination_gets_only_the_signals_it_takes(collector: StandIn, make: Make) -> None:
    delivery = make([collector.destination(["logs"])])
    assert delivery.takes("logs")
    assert not delivery.takes("traces")
    offer_spans(delivery, ["nowhere"])
    delivery.offer_log(records.log("line"))
    assert delivery.flush(5)
    assert collector.got.paths == ["/v1/logs"]


def test_after_an_outage_it_is_not_flooded(collector: StandIn, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "_FIRST_WAIT", 0.2)
    collector.status[""] = 503
    delivery = make([collector.destination()])
    for number in range(20):
        offer_spans(delivery, names(1, number))
        assert eventually(lambda: delivery.health.queued("traces") == 0)
    collector.status.clear()
    assert eventually(lambda: len(collector.got.spans) == 20)
    gaps = [later - earlier for earlier, later in zip(collector.got.times, collector.got.times[1:], strict=False)]
    assert min(gaps) > 0.01


def test_an_idle_app_stays_idle(collector: StandIn, make: Make) -> None:
    """What delivery says of itself makes no telemetry of its own accord."""
    delivery = make([collector.destination()])
    offer_spans(delivery, ["one"])
    assert eventually(lambda: bool(collector.got.spans))
    time.sleep(0.5)
    assert collector.attempts == 1
