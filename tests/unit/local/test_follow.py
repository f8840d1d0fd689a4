# SPDX-License-Identifier: Apache-2.0
from dbx_otel.local.follow import Follower
from dbx_otel.local.records import Batch
from tests.unit.local.records_for_tests import log, span


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def follower() -> tuple[Follower, Clock]:
    clock = Clock()
    return Follower(quiet=1, patience=10, clock=clock), clock


def test_a_trace_is_handed_out_once_when_nothing_more_comes() -> None:
    following, clock = follower()
    following.take(Batch(spans=[span("child", 2, 1)]))
    clock.now = 0.9
    following.take(Batch(spans=[span("root", 1)], logs=[log("said")]))
    clock.now = 1.8
    assert following.ready() == []
    clock.now = 2.0
    (arrived,) = following.ready()
    assert ([one.name for one in arrived.spans], [one.body for one in arrived.logs]) == (
        ["child", "root"],
        ["said"],
    )
    assert following.ready() == []


def test_without_a_root_it_is_waited_for_longer() -> None:
    following, clock = follower()
    following.take(Batch(spans=[span("child", 2, 1)]))
    clock.now = 9.9
    assert following.ready() == []
    clock.now = 10
    assert [one.spans[0].name for one in following.ready()] == ["child"]


def test_log_records_outside_traces_are_handed_out_at_once() -> None:
    following, _ = follower()
    following.take(Batch(logs=[log("a", None), log("b", None)]))
    assert [[one.body for one in arrived.logs] for arrived in following.ready()] == [["a", "b"]]
    assert following.ready() == []


def test_the_rest_is_everything_that_is_left() -> None:
    following, _ = follower()
    following.take(Batch(spans=[span("child", 2, 1)], logs=[log("loose", None)]))
    traced, loose = following.rest()
    assert (traced.spans[0].name, loose.logs[0].body) == ("child", "loose")
    assert following.rest() == []
