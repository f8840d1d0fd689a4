# SPDX-License-Identifier: Apache-2.0
"""Parents, the current span, decorated functions, and whom a span is made for."""

import asyncio
import logging
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, TraceFlags, TraceState, set_span_in_context

from dbx_otel.identity.context import with_identity
from dbx_otel.identity.headers import Forwarded
from dbx_otel.identity.model import Identity, from_forwarded
from dbx_otel.settings import IdentityMode
from dbx_otel.tracing import samplers
from dbx_otel.tracing.limits import SpanLimits
from dbx_otel.tracing.provider import TracerProvider


def person(name: str) -> Identity:
    return from_forwarded(Forwarded(email=f"{name}@example.com"), IdentityMode.FULL, None)


ADA, BOB = person("ada"), person("bob")
REMOTE = SpanContext(5, 6, True, TraceFlags(TraceFlags.SAMPLED), TraceState([("k", "v")]))


@pytest.fixture
def ended() -> list[Any]:
    return []


@pytest.fixture
def tracer(ended: list[Any]) -> trace.Tracer:
    return TracerProvider(on_end=ended.append, sampler=samplers.UNSET).get_tracer("lib")


@pytest.fixture
def ada() -> Iterator[None]:
    token = contexts.attach(with_identity(ADA))
    yield
    contexts.detach(token)


def in_context(span_context: SpanContext) -> Context:
    return set_span_in_context(NonRecordingSpan(span_context), Context())


def test_a_first_span_has_a_trace_of_its_own(tracer: trace.Tracer, ended: list[Any]) -> None:
    tracer.start_span("a").end()
    tracer.start_span("b").end()
    first, second = ended
    assert first.parent is None
    assert first.context.trace_id != second.context.trace_id
    assert first.context.trace_flags == TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID
    assert not first.context.is_remote
    assert first.context.is_valid
    assert first.start_time <= first.end_time


def test_children_are_of_the_current_span(tracer: trace.Tracer, ended: list[Any]) -> None:
    with tracer.start_as_current_span("outer") as outer, tracer.start_as_current_span("inner"):
        tracer.start_span("leaf").end()
    leaf, inner, _ = ended
    assert inner.parent == outer.get_span_context()
    assert leaf.parent == inner.context
    assert leaf.context.trace_id == outer.get_span_context().trace_id
    assert not trace.get_current_span().get_span_context().is_valid


def test_a_remote_parent_gives_its_trace_its_state_and_its_random_flag(tracer: trace.Tracer, ended: list[Any]) -> None:
    tracer.start_span("a", context=in_context(REMOTE)).end()
    (span,) = ended
    assert span.parent is REMOTE
    assert (span.context.trace_id, span.context.trace_state) == (5, REMOTE.trace_state)
    assert span.context.trace_flags == TraceFlags.SAMPLED


@pytest.mark.parametrize("parent", [SpanContext(0, 6, True), SpanContext(5, 0, True), None, "no context"])
def test_an_invalid_parent_is_none(tracer: trace.Tracer, ended: list[Any], parent: Any) -> None:
    tracer.start_span("a", context=in_context(parent)).end()
    assert ended[0].parent is None
    assert ended[0].context.trace_id not in {0, 5}


def test_links_that_say_nothing_are_left_out(tracer: trace.Tracer, ended: list[Any]) -> None:
    link = Link(REMOTE, {"a": [1]})
    tracer.start_span("a", links=[link, Link(trace.INVALID_SPAN_CONTEXT)]).end()
    assert [dict(made.attributes) for made in ended[0].links] == [{"a": (1,)}]
    assert link.attributes == {"a": [1]}  # the caller's own stays as it is


def test_times_may_be_given(tracer: trace.Tracer, ended: list[Any]) -> None:
    tracer.start_span("a", start_time=0).end(0)
    assert (ended[0].start_time, ended[0].end_time) == (0, 0)


def test_a_decorated_function_has_a_span_each_time(tracer: trace.Tracer, ended: list[Any]) -> None:
    @tracer.start_as_current_span("work", attributes={"a": 1})
    def add(one: int, *, other: int) -> int:
        assert trace.get_current_span().is_recording()
        return one + other

    assert (add(1, other=2), add(3, other=4)) == (3, 7)
    assert add.__name__ == "add"
    assert [(span.name, dict(span.attributes)) for span in ended] == [("work", {"a": 1})] * 2


def test_a_decorated_coroutine_has_a_span_until_it_is_done(tracer: trace.Tracer, ended: list[Any]) -> None:
    @tracer.start_as_current_span("work")
    async def work() -> str:
        await asyncio.sleep(0.02)
        assert trace.get_current_span().is_recording()
        return "done"

    async def both_at_once() -> list[str]:
        return list(await asyncio.gather(work(), work()))

    assert asyncio.run(both_at_once()) == ["done", "done"]
    assert all(span.end_time - span.start_time > 15_000_000 for span in ended)
    assert len({span.context.trace_id for span in ended}) == 2


def test_a_decorated_function_that_fails(tracer: trace.Tracer, ended: list[Any]) -> None:
    @tracer.start_as_current_span("work")
    def fail() -> None:
        raise LookupError("told")

    with pytest.raises(LookupError):
        fail()
    assert ended[0].status.description == "LookupError: told"
    assert [event.name for event in ended[0].events] == ["exception"]


def test_the_end_of_a_generator_is_no_error(tracer: trace.Tracer, ended: list[Any]) -> None:
    def numbers() -> Generator[int, None, None]:
        with tracer.start_as_current_span("work"):
            yield 1
            yield 2

    generator = numbers()
    next(generator)
    generator.close()
    assert ended[0].status.is_unset
    assert ended[0].events == ()


def test_no_request_no_identity(tracer: trace.Tracer, ended: list[Any]) -> None:
    tracer.start_span("s").end()
    assert dict(ended[0].attributes) == {}


def test_spans_bear_the_current_person(ada: None, tracer: trace.Tracer, ended: list[Any]) -> None:
    with tracer.start_as_current_span("parent", attributes={"a": 1, "user.email": "forged@example.com"}):
        tracer.start_span("child").end()
    assert [span.attributes["user.email"] for span in ended] == ["ada@example.com"] * 2
    assert ended[1].attributes["a"] == 1


def test_the_person_of_the_context_given_wins(ada: None, tracer: trace.Tracer, ended: list[Any]) -> None:
    tracer.start_span("s", context=with_identity(BOB, Context())).end()
    assert ended[0].attributes["user.email"] == "bob@example.com"


def test_a_context_that_knows_nobody_leaves_the_current_person(
    ada: None, tracer: trace.Tracer, ended: list[Any]
) -> None:
    tracer.start_span("s", context=Context()).end()
    assert ended[0].attributes["user.email"] == "ada@example.com"


def test_the_person_is_not_what_is_dropped_for_the_limit(ada: None, ended: list[Any]) -> None:
    provider = TracerProvider(on_end=ended.append, span_limits=SpanLimits(max_span_attributes=2))
    span = provider.get_tracer("lib").start_span("s", attributes={"a": 1, "b": 2})
    for number in range(9):
        span.set_attribute(f"n{number}", number)
    span.end()
    assert dict(ended[0].attributes).items() >= dict(ADA.attributes).items()
    assert len(ended[0].attributes) + ended[0].dropped_attributes == 2 + len(ADA.attributes) + 9


def test_what_the_app_says_of_the_person_stays_when_attributes_are_dropped(ada: None, ended: list[Any]) -> None:
    provider = TracerProvider(on_end=ended.append, span_limits=SpanLimits(max_span_attributes=2))
    span = provider.get_tracer("lib").start_span("s", attributes={"a": 1, "b": 2})
    span.set_attributes({"c": 1, "d": 2, "user.email": "impersonated@example.com"})
    span.end()
    assert ended[0].attributes["user.email"] == "impersonated@example.com"


def test_a_limit_of_length_does_not_make_another_person_of_one(ada: None, ended: list[Any]) -> None:
    provider = TracerProvider(on_end=ended.append, span_limits=SpanLimits(max_span_attribute_length=3))
    provider.get_tracer("lib").start_span("s", attributes={"a": "12345"}).end()
    assert dict(ended[0].attributes) == {"a": "123", **ADA.attributes}


class Sampler:
    """One of the SDK's kind, which other packages bring."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[Any, ...]] = []

    def should_sample(self, *asked: Any) -> Any:
        self.asked.append(asked)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def result(decision: str, **more: Any) -> Any:
    from opentelemetry.sdk.trace.sampling import Decision, SamplingResult

    return SamplingResult(Decision[decision], **more)


def test_a_sampler_of_the_sdks_kind_is_asked_as_the_sdk_asks(ended: list[Any]) -> None:
    sampler = Sampler(result("RECORD_AND_SAMPLE", attributes={"of": "sampler"}, trace_state=TraceState([("a", "b")])))
    tracer = TracerProvider(on_end=ended.append, sampler=sampler).get_tracer("lib")
    context = in_context(REMOTE)
    tracer.start_span("s", context, trace.SpanKind.SERVER, {"a": 1}).end()
    assert sampler.asked == [(context, 5, "s", trace.SpanKind.SERVER, {"a": 1}, ())]
    assert dict(ended[0].attributes) == {"of": "sampler"}
    assert ended[0].context.trace_state == {"a": "b"}


def test_a_span_that_is_recorded_only_goes_nowhere(ended: list[Any]) -> None:
    span = TracerProvider(on_end=ended.append, sampler=Sampler(result("RECORD_ONLY"))).get_tracer("t").start_span("s")
    assert span.is_recording()
    assert not span.get_span_context().trace_flags.sampled
    span.end()
    assert ended == []


def test_a_span_that_is_dropped_still_has_ids() -> None:
    span = TracerProvider(sampler=Sampler(result("DROP"))).get_tracer("t").start_span("s", in_context(REMOTE))
    assert isinstance(span, NonRecordingSpan)
    assert span.get_span_context().trace_id == 5
    assert span.get_span_context().span_id not in {0, 6}


def test_a_sampler_that_fails_loses_nothing(ended: list[Any], capfd: pytest.CaptureFixture[str]) -> None:
    provider = TracerProvider(on_end=ended.append, sampler=Sampler(ZeroDivisionError("told")))
    provider.get_tracer("t").start_span("s", attributes={"a": 1}).end()
    assert dict(ended[0].attributes) == {"a": 1}
    assert "the sampler Sampler fails, spans are recorded: ZeroDivisionError: told" in capfd.readouterr().err


class Unreadable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Fails(Exception):  # noqa: N818 -- what it does
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize("attributes", [[("a", 1)], "text", 5, {"a": Unreadable()}, {"a": {"b": [Unreadable()]}}])
def test_attributes_that_cannot_be_read_harm_nobody(tracer: trace.Tracer, ended: list[Any], attributes: Any) -> None:
    with tracer.start_as_current_span("s", attributes=attributes) as span:
        span.set_attributes(attributes)
        span.set_attribute("a", Unreadable())  # type: ignore[arg-type]  # what it must bear
        span.add_event("e", attributes)
        span.add_link(REMOTE, attributes)
    assert dict(ended[0].attributes) == {}
    assert len(ended[0].events) == len(ended[0].links) == 1


def test_an_exception_that_cannot_say_what_it_is(tracer: trace.Tracer, ended: list[Any]) -> None:
    with pytest.raises(Fails), tracer.start_as_current_span("s"):
        raise Fails
    assert ended[0].status.description == "Fails: <unprintable>"
    assert ended[0].events[0].attributes["exception.message"] == "<unprintable>"


def test_nothing_changes_after_the_end_and_the_log_says_so(
    tracer: trace.Tracer, ended: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    span = tracer.start_span("s")
    span.end(1)
    with caplog.at_level(logging.WARNING):
        span.set_attribute("a", 1)
        span.set_attributes({"a": 1})
        span.add_event("e")
        span.add_link(REMOTE)
        span.update_name("other")
        span.set_status(trace.StatusCode.ERROR)
        span.record_exception(ValueError())
        span.end(2)
    assert len(caplog.records) == 8
    assert {record.name for record in caplog.records} == {"opentelemetry.sdk.trace"}
    assert ended == [span]
    assert (ended[0].name, ended[0].end_time, dict(ended[0].attributes), ended[0].events) == ("s", 1, {}, ())
    assert ended[0].status.is_unset


def test_what_is_read_cannot_be_written(tracer: trace.Tracer) -> None:
    span: Any = tracer.start_span("s", attributes={"a": 1})
    span.add_event("e", {"a": 1})
    for name in ("name", "attributes", "events", "links", "status", "parent", "kind", "resource"):
        with pytest.raises(AttributeError):
            setattr(span, name, None)
    with pytest.raises(TypeError):
        span.attributes["a"] = 2
    with pytest.raises(TypeError):
        span.events[0].attributes["a"] = 2


def test_these_spans_are_ours(tracer: trace.Tracer) -> None:
    span = tracer.start_span("s")
    assert type(span).__module__.startswith("dbx_otel")
    assert isinstance(span, SdkSpan)  # the SDK is imported here
