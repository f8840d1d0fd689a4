# SPDX-License-Identifier: Apache-2.0
import threading
import time

import pytest

from dbx_otel.local.records import Batch
from dbx_otel.local.store import Counts, Store
from tests.unit.local.records_for_tests import span


def test_records_come_back_in_the_order_of_arrival() -> None:
    store = Store()
    store.add(Batch(spans=[span("a"), span("b")]))
    store.add(Batch(spans=[span("c")]))
    assert [record.name for record in store.spans()] == ["a", "b", "c"]


def test_keywords_choose_records() -> None:
    store = Store()
    store.add(Batch(spans=[span("a", kind="server"), span("a", kind="client"), span("b", kind="server")]))
    assert [(record.name, record.kind) for record in store.spans(name="a", kind="server")] == [("a", "server")]


def test_the_oldest_make_room_and_the_count_goes_on() -> None:
    store = Store(limit=2)
    store.add(Batch(spans=[span("a"), span("b"), span("c")]))
    assert [record.name for record in store.spans()] == ["b", "c"]
    assert store.counts == Counts(spans=3, logs=0, metrics=0)


def test_a_store_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="limit is 0; at least 1"):
        Store(limit=0)


def test_clear_forgets_records_and_counts() -> None:
    store = Store()
    store.add(Batch(spans=[span("a")]))
    store.clear()
    assert (store.spans(), store.counts) == ([], Counts(0, 0, 0))


def test_wait_for_wakes_when_the_record_arrives() -> None:
    store = Store()
    timer = threading.Timer(0.1, store.add, [Batch(spans=[span("late")])])
    timer.start()
    begin = time.monotonic()
    assert store.wait_for(lambda now: now.spans(name="late"), timeout=10)
    assert time.monotonic() - begin < 5
    timer.join()


def test_wait_for_tells_that_it_waited_in_vain() -> None:
    assert Store().wait_for(lambda store: store.spans(), timeout=0.05) is False


def test_wait_quiet_outlasts_what_still_arrives() -> None:
    store = Store()

    def arrive() -> None:
        for _ in range(5):
            time.sleep(0.05)
            store.add(Batch(spans=[span("x")]))

    sender = threading.Thread(target=arrive)
    sender.start()
    assert store.wait_quiet(quiet=0.4, timeout=10)
    assert store.counts.spans == 5
    sender.join()


def test_wait_quiet_gives_up_on_a_store_that_never_rests() -> None:
    store = Store()
    stop = threading.Event()

    def arrive() -> None:
        while not stop.wait(0.01):
            store.add(Batch(spans=[span("x")]))

    sender = threading.Thread(target=arrive)
    sender.start()
    try:
        assert store.wait_quiet(quiet=1.0, timeout=0.2) is False
    finally:
        stop.set()
        sender.join()


def test_nothing_is_lost_between_threads() -> None:
    store = Store()

    def add() -> None:
        for _ in range(500):
            store.add(Batch(spans=[span("x"), span("y")]))

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.counts.spans == len(store.spans()) == 8 * 500 * 2
