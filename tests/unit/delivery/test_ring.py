# SPDX-License-Identifier: Apache-2.0
"""What waits for a destination: bounded in bytes, what matters least given up first, what matters most sent first."""

from hypothesis import given
from hypothesis import strategies as st

from dbx_otel.delivery.batch import Batch, Priority, Signal
from dbx_otel.delivery.ring import Ring

SIGNALS: tuple[Signal, ...] = ("traces", "logs", "metrics")
OVERHEAD = 256


def batch(signal: Signal = "traces", size: int = 744, priority: Priority = Priority.ORDINARY, count: int = 1) -> Batch:
    """A batch that takes 1000 bytes, unless `size` says otherwise."""
    return Batch(signal, bytes(size), count, priority)


def full(*batches: Batch, room: int) -> tuple[Ring, list[Batch]]:
    given_up: list[Batch] = []
    ring = Ring(room * 1000, given_up.append)
    for one in batches:
        ring.put(one)
    return ring, given_up


def taken(ring: Ring) -> list[Batch]:
    found = []
    while (one := ring.take(SIGNALS)) is not None:
        ring.done()
        found.append(one)
    return found


def test_what_comes_first_goes_first_whatever_its_signal() -> None:
    batches = [batch("traces"), batch("logs"), batch("traces", priority=Priority.IMPORTANT), batch("metrics")]
    ring, given_up = full(*batches, room=4)
    assert taken(ring) == batches
    assert given_up == []
    assert ring.is_empty()


def test_security_goes_first() -> None:
    ordinary, security = batch("logs"), batch("logs", priority=Priority.SECURITY)
    ring, _ = full(ordinary, security, room=4)
    assert taken(ring) == [security, ordinary]


def test_what_matters_least_is_given_up_first_and_of_that_the_oldest() -> None:
    spans = [batch("traces"), batch("traces")]
    records, points = batch("logs"), batch("metrics")
    important, security = batch("traces", priority=Priority.IMPORTANT), batch("logs", priority=Priority.SECURITY)
    ring, given_up = full(security, important, records, points, *spans, room=6)
    assert given_up == []
    for _ in range(5):
        ring.put(batch("logs", priority=Priority.SECURITY))
    assert given_up == [*spans, records, points, important]
    ring.put(batch("logs", priority=Priority.SECURITY))
    assert given_up[-1] is security


def test_an_ordinary_one_does_not_take_the_place_of_a_security_record() -> None:
    security = [batch("logs", priority=Priority.SECURITY) for _ in range(2)]
    ring, given_up = full(*security, room=2)
    late = batch("traces")
    ring.put(late)
    assert given_up == [late]
    assert taken(ring) == security


def test_one_that_is_too_large_for_all_the_room_is_given_up() -> None:
    ring, given_up = full(batch(size=10_000), room=2)
    assert len(given_up) == 1
    assert ring.is_empty()


def test_one_that_was_not_taken_goes_back_to_where_it_was() -> None:
    batches = [batch("logs"), batch("logs"), batch("logs")]
    ring, _ = full(*batches, room=4)
    assert ring.take(SIGNALS) is batches[0]
    ring.put_back()
    assert taken(ring) == batches


def test_what_is_being_sent_is_not_given_up() -> None:
    batches = [batch(), batch()]
    ring, given_up = full(*batches, room=2)
    assert ring.take(SIGNALS) is batches[0]
    ring.put(batch())
    assert given_up == [batches[1]]
    assert ring.batches()[0] is batches[0]
    assert ring.size == 2000


def test_a_signal_that_must_wait_does_not_hold_up_the_others() -> None:
    spans, records = batch("traces"), batch("logs")
    ring, _ = full(spans, records, room=4)
    assert ring.take(["logs", "metrics"]) is records
    ring.done()
    assert ring.take(["logs", "metrics"]) is None
    assert ring.signals() == {"traces"}
    assert not ring.is_empty()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "take", "done", "put_back"]),
        st.sampled_from(SIGNALS),
        st.sampled_from(Priority),
        st.integers(0, 3000),
    )
)


@given(STEPS)
def test_whatever_happens_nothing_vanishes_and_the_bound_holds(steps: list[tuple[str, Signal, Priority, int]]) -> None:
    given_up: list[Batch] = []
    ring = Ring(5000, given_up.append)
    put: list[Batch] = []
    sent: list[Batch] = []
    sending: Batch | None = None
    for what, signal, priority, size in steps:
        if what == "put":
            put.append(batch(signal, size, priority))
            ring.put(put[-1])
        elif what == "take" and sending is None:
            sending = ring.take(SIGNALS)
        elif sending is not None:
            if what == "done":
                sent.append(sending)
                ring.done()
            elif what == "put_back":
                ring.put_back()
            sending = None if what in {"done", "put_back"} else sending
        there = ring.batches()
        assert sorted(map(id, [*there, *given_up, *sent])) == sorted(map(id, put))
        assert ring.size == sum(len(one.body) + OVERHEAD for one in there)
        assert ring.size <= 5000 or there == [sending]
        assert ring.is_empty() == (not there)
