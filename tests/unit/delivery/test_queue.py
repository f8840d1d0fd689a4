# SPDX-License-Identifier: Apache-2.0
"""Queues that any thread may put into, and what wakes the thread that empties them."""

import signal
import threading
import time

from dbx_otel.delivery.queue import Queue
from dbx_otel.delivery.wakeup import Wakeup


def test_records_come_out_in_order_a_batch_at_a_time() -> None:
    queue = Queue(capacity=10, batch_size=3, delay=1.0)
    assert [queue.put(number) for number in range(4)] == [True, False, True, True]  # the first one, and full batches
    assert queue.take() == [0, 1, 2]
    assert queue.take() == [3]
    assert queue.take() == []
    assert queue.taken == 4


def test_it_says_when_it_is_full() -> None:
    queue = Queue(capacity=2, batch_size=2, delay=1.0)
    assert not queue.is_full()
    queue.put(1)
    queue.put(2)
    assert queue.is_full()


def test_a_child_begins_with_nothing() -> None:
    queue = Queue(capacity=2, batch_size=2, delay=1.0)
    queue.put(1)
    queue.take()
    queue.put(2)
    queue.forget()
    assert (len(queue), queue.taken) == (0, 0)


def test_many_threads_put_and_nothing_is_lost() -> None:
    queue = Queue(capacity=10**6, batch_size=64, delay=1.0)
    threads = [
        threading.Thread(target=lambda base=base: [queue.put(base + number) for number in range(5000)])
        for base in range(0, 40_000, 5000)
    ]
    found: list[int] = []
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or len(queue):
        found += queue.take()
    assert sorted(found) == list(range(40_000))


def test_a_call_before_the_wait_is_not_missed_and_two_are_one() -> None:
    wakeup = Wakeup()
    assert not wakeup.wait(0.01)
    wakeup.call()
    wakeup.call()
    assert wakeup.wait(0)
    assert not wakeup.wait(0)


def test_a_call_ends_the_wait() -> None:
    wakeup = Wakeup()
    threading.Timer(0.05, wakeup.call).start()
    begin = time.monotonic()
    assert wakeup.wait(10)
    assert time.monotonic() - begin < 5


def test_a_signal_handler_may_call_it_while_its_thread_does() -> None:
    wakeup = Wakeup()
    before = signal.signal(signal.SIGALRM, lambda *_: wakeup.call())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            wakeup.call()
            assert wakeup.wait(1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
