# SPDX-License-Identifier: Apache-2.0
"""What threads and hostile objects of the app do to a span."""

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.trace import Span

from dbx_otel.otlp.spans import encode_spans
from dbx_otel.tracing.provider import TracerProvider

THREADS = 4


class Unreadable:
    """Such as a proxy of a request that there is none of."""

    def __str__(self) -> str:
        raise RuntimeError("working outside of request context")


class UnreadableError(Exception):
    """An exception that fails to say anything of itself."""

    def __getattribute__(self, name: str) -> Any:
        if name in {"__notes__", "__cause__", "__context__"}:
            raise RuntimeError(name)
        return super().__getattribute__(name)


@pytest.fixture
def ended() -> list[Any]:
    return []


@pytest.fixture
def start(ended: list[Any]) -> Callable[..., Any]:
    return TracerProvider(on_end=ended.append).get_tracer("lib").start_span


@pytest.fixture
def busy_threads() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(work: Callable[[int], None]) -> list[Exception]:
    """Do something in several threads at once, and return what they raise."""
    barrier, raised = threading.Barrier(THREADS), []

    def run(number: int) -> None:
        barrier.wait()
        try:
            work(number)
        except Exception as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_a_span_that_threads_end_at_once_is_handed_on_once(
    start: Callable[..., Span], ended: list[Any], busy_threads: None
) -> None:
    spans = [start("s") for _ in range(20_000)]

    def end_all(_: int) -> None:
        for span in spans:
            span.end()

    assert in_threads(end_all) == []
    assert len(ended) == len(spans)


def test_the_end_that_interrupts_an_end_is_none(ended: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    span: Any = TracerProvider(on_end=ended.append).get_tracer("lib").start_span("s")

    def time_during_which_it_is_ended() -> int:
        monkeypatch.undo()
        span.end()
        return 1

    monkeypatch.setattr("dbx_otel.tracing.span.time_ns", time_during_which_it_is_ended)
    span.end()
    assert ended == [span]


def test_threads_that_set_attributes_beyond_the_limit_meet_no_error(
    start: Callable[..., Span], busy_threads: None
) -> None:
    spans = [start("s") for _ in range(THREADS)]

    def set_many(number: int) -> None:
        for count in range(10_000):
            spans[count % THREADS].set_attribute(f"{number}.{count % 300}", count)

    assert in_threads(set_many) == []


def test_a_span_that_is_changed_while_it_is_encoded_is_not_lost(start: Callable[..., Span], busy_threads: None) -> None:
    spans = [start("s") for _ in range(THREADS)]
    refused: list[Exception] = []

    def change_or_encode(number: int) -> None:
        for count in range(3000):
            if number == 0:
                encode_spans(spans, refused=refused.append)
            else:
                spans[count % THREADS].set_attribute(f"{number}.{count}", count)
                spans[count % THREADS].add_event("e")

    assert in_threads(change_or_encode) == []
    assert refused == []


def test_an_attribute_that_cannot_be_read_is_left_out_alone(start: Callable[..., Any]) -> None:
    span = start("s", attributes={"a": 1, "bad": Unreadable(), "c": 3})
    span.set_attributes({"d": 4, "bad": Unreadable()})
    span.set_attributes([1, 2])
    assert dict(span.attributes) == {"a": 1, "c": 3, "d": 4}
    assert span.dropped_attributes == 2


def test_an_exception_of_the_app_passes_whatever_it_is(ended: list[Any]) -> None:
    tracer = TracerProvider(on_end=ended.append).get_tracer("lib")
    with pytest.raises(UnreadableError), tracer.start_as_current_span("s"):
        raise UnreadableError
    assert ended[0].events[0].attributes["exception.type"].endswith("UnreadableError")


def test_what_is_no_exception_and_no_link_raises_nothing(start: Callable[..., Any]) -> None:
    span = start("s", links=["none", 5])
    span.add_link("none")
    span.record_exception("text")
    span.record_exception(ValueError("x"), attributes=5)
    assert span.links == ()
    assert [event.name for event in span.events] == ["exception", "exception"]


@pytest.mark.parametrize(("name", "time"), [("s", 1.7e18), (["no", "name"], "never"), (None, float("nan"))])
def test_a_span_with_a_name_or_time_that_is_none_is_sent(start: Callable[..., Any], name: Any, time: Any) -> None:
    span = start(name, start_time=time)
    span.add_event("e", timestamp=time)
    span.end(time)
    refused: list[Exception] = []
    assert encode_spans([span], refused=refused.append)
    assert refused == []
