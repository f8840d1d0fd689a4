# SPDX-License-Identifier: Apache-2.0
"""Whatever ends the app or the collector, what was produced is delivered: counted, with real apps."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from pathlib import Path

import pytest

from scripts.stack_lib.stack import Stack
from tests.support.apps.producing import EVENT
from tests.support.losses import DEADLINE, ENDS_ONE_AFTER_THE_OTHER, KINDS, Collector, Producer, collector, producer
from tests.support.stack import eventually, loki_query

pytestmark = pytest.mark.light

PROTOCOLS = {"uvicorn": "http/protobuf", "gunicorn -w 2": "grpc", "script": "http/protobuf"}
SOON = {"OTEL_BSP_SCHEDULE_DELAY": "1000", "OTEL_BLRP_SCHEDULE_DELAY": "1000"}
PROCESSES = {"uvicorn": 1, "gunicorn -w 2": 2, "script": 1}
SLACK = 2.5
"""Seconds that a server takes to end by itself, on a busy machine."""


def longest_exit(kind: str) -> float:
    return ENDS_ONE_AFTER_THE_OTHER.get(kind, 1) * DEADLINE + SLACK


def once(tags: set[str]) -> Counter[str]:
    return Counter(dict.fromkeys(tags, 1))


def environment(got: Collector, kind: str) -> dict[str, str]:
    return got.environment(PROTOCOLS[kind])


def test_an_outage_of_the_collector_loses_nothing(tmp_path: Path) -> None:
    """Eight seconds in the middle of the traffic of three apps."""
    with collector() as got, ExitStack() as stack:
        running: list[Producer] = []
        for kind in KINDS:
            folder = tmp_path / kind
            folder.mkdir()
            made = producer(
                kind, folder, {**environment(got, kind), **SOON}, prefix=kind.split()[0], count=240, interval=0.05
            )
            running.append(stack.enter_context(made))
        threads = [threading.Thread(target=one.produce, args=(240, 0.05)) for one in running]
        for thread in threads:
            thread.start()
        time.sleep(2)
        before = set(got.security())
        got.stop()
        time.sleep(8)
        got.start()
        for thread in threads:
            thread.join()
        tags = {tag for one in running for tag in one.made}
        assert len(tags) == 3 * 240
        assert 0 < len(before) < len(tags) / 2, "some before, most during the outage and after it"
        for arrived in (got.security, got.spans, got.logs):
            got.wait_for(tags, arrived)
        output = "\n".join(one.lines() for one in running)
        assert got.security() == once(tags), output
        assert got.spans() == once(tags), output
        assert got.logs() == once(tags), output
        for one in running:
            assert one.end() < longest_exit(one.kind)


@pytest.mark.parametrize("kind", KINDS)
def test_sigterm(kind: str, tmp_path: Path) -> None:
    with collector() as got, producer(kind, tmp_path, environment(got, kind), count=50) as app:
        tags = app.produce(50)
        assert app.end() < longest_exit(kind)
        output = app.lines()
        got.wait_for(tags, got.spans)
        assert got.security() == once(tags), output
        assert got.spans() == once(tags), output
        assert got.logs() == once(tags), output


@pytest.mark.parametrize("kind", KINDS)
def test_a_collector_that_is_dead_at_exit_gets_security_records_from_the_next_start(kind: str, tmp_path: Path) -> None:
    with collector(is_there=False) as got:
        with producer(kind, tmp_path, environment(got, kind), count=50) as app:
            tags = app.produce(50)
            took = app.end()
            output = app.lines()
        assert took < longest_exit(kind), output
        assert got.security() == Counter()
        assert_next_start_delivers(got, kind, tmp_path, tags)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_there", [True, False], ids=["collector", "no collector"])
def test_security_records_survive_sigkill(kind: str, is_there: bool, tmp_path: Path) -> None:
    with collector(is_there=is_there) as got:
        with producer(kind, tmp_path, environment(got, kind), count=100_000) as app:
            tags = app.produce_until_killed(1.0)
        assert len(tags) > 10
        got.stop()
        got.store.wait_quiet()
        assert_next_start_delivers(got, kind, tmp_path, tags, had=set(got.security()), unsaid=PROCESSES[kind])


def assert_next_start_delivers(
    got: Collector, kind: str, tmp_path: Path, tags: set[str], had: AbstractSet[str] = frozenset(), unsaid: int = 0
) -> None:
    """See that the next start delivers what the last one has left.

    Args:
        got: The collector.
        kind: Of which kind the app is.
        tmp_path: Where its spool is.
        tags: What it said it has produced.
        had: What was delivered while it was killed.
        unsaid: How many more it may have produced, without having been able to say so.
    """
    got.start()
    with producer(kind, tmp_path, environment(got, kind), prefix="second", count=1) as app:
        all_tags = tags | app.produce(1)
        got.wait_for(all_tags, got.security)
        app.end()
        output = app.lines()
    arrived = got.security()
    assert all_tags - set(arrived) == set(), output
    assert len(set(arrived) - all_tags) <= unsaid
    twice = {tag for tag, times in arrived.items() if times > 1}
    assert twice <= had
    assert [path for path in (tmp_path / "spool").iterdir() if path.stat().st_size > 100] == []


def test_a_worker_that_is_killed_leaves_its_security_records_to_its_sibling(tmp_path: Path) -> None:
    kind = "gunicorn -w 2"
    with collector(is_there=False) as got, producer(kind, tmp_path, environment(got, kind)) as app:
        tags: set[str] = set()
        while len(set(app.made.values())) < 2 or len(tags) < 60:
            tags = app.produce(10)
        victim = next(iter(app.made.values()))
        # gunicorn's own process would start another one in its place, which would be first.
        app.app.process.send_signal(signal.SIGSTOP)
        os.kill(int(victim), signal.SIGKILL)
        got.start()
        got.wait_for(tags, got.security, seconds=50)
        assert got.security() == once(tags), app.lines()
        assert 0 < sum(pid == victim for pid in app.made.values()) < len(tags)


@pytest.mark.stack
@pytest.mark.xdist_group("stack")
def test_loki_has_all_security_records_of_a_killed_app_and_a_killed_collector(own_stack: Stack, tmp_path: Path) -> None:
    kind = "gunicorn -w 2"
    there = {"OTEL_EXPORTER_OTLP_ENDPOINT": own_stack.endpoints.otlp_grpc, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    with producer(kind, tmp_path, there) as app:
        app.produce(20)
        own_stack.process("collector").kill()
        tags = app.produce_until_killed(0.5)
    assert len(tags) > 30
    own_stack.process("collector").start()
    own_stack.wait_until_ready()
    with producer(kind, tmp_path, there, prefix="second") as app:
        tags |= app.produce(1)
        query = f'{{service_name="orders"}} | event_name="{EVENT}"'

        def logged() -> set[str]:
            return {stream["stream"]["audit_record_id"] for stream in loki_query(own_stack, query)}

        eventually(lambda: tags <= logged(), seconds=60)
        assert len(logged() - tags) <= PROCESSES[kind], app.lines()
