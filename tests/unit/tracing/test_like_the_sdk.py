# SPDX-License-Identifier: Apache-2.0
"""Whatever calls are made on a span, hostile ones among them: ours and the SDK's end up equal, field by field."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from dbx_otel.tracing.limits import SpanLimits
from tests.unit.tracing.both import both, told


class Text(str):
    __slots__ = ()


class Speaking:
    def __str__(self) -> str:
        return "speaking"


class Dumb:
    pass


class FaultError(Exception):
    pass


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


SCALARS = st.one_of(
    st.text(max_size=12),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.binary(max_size=5),
    st.none(),
    st.sampled_from([Text("subclass"), "", "\ud800", Speaking(), Dumb(), StatusCode.OK, 2**80, 1j]),
)
KEYS = st.one_of(st.sampled_from(["a", "b", "c", "d", "", Text("a")]), st.text(max_size=3))
HOSTILE_KEYS = st.one_of(KEYS, st.sampled_from([None, 0, 1, 1.5, b"a", Speaking.__str__, ("a",)]))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.tuples(inner), st.dictionaries(HOSTILE_KEYS, inner, max_size=3)
    ),
    max_leaves=6,
)
PLAIN = st.dictionaries(st.sampled_from(["", *"abcde"]), st.one_of(st.integers(0, 9), st.just("text")), max_size=6)
SEVERAL = st.one_of(PLAIN, st.dictionaries(HOSTILE_KEYS, VALUES, max_size=6))
ATTRIBUTES = st.one_of(st.none(), SEVERAL)
CONTEXTS = st.builds(
    SpanContext,
    st.integers(0, 3),
    st.integers(0, 3),
    st.booleans(),
    st.sampled_from([TraceFlags(0), TraceFlags(1)]),
    st.sampled_from([TraceState(), TraceState([("k", "v")])]),
)
TIMES = st.one_of(st.none(), st.integers(0, 9_999))
NAMES = st.text(max_size=4)
STATUSES = st.one_of(
    st.tuples(st.sampled_from(StatusCode), st.one_of(st.none(), st.text(max_size=3))),
    st.tuples(st.builds(Status, st.sampled_from(StatusCode), st.one_of(st.none(), st.just("told")))),
    st.tuples(st.sampled_from([None, "OK", 1])),
)
RAISED = [(ValueError, "told"), (KeyError, "key"), (Exception,), (FaultError, "a\nb"), (KeyboardInterrupt,)]
FAULTS = st.sampled_from(RAISED)

CALLS = st.one_of(
    st.tuples(st.just("set_attribute"), HOSTILE_KEYS, VALUES),
    st.tuples(st.just("set_attributes"), SEVERAL),
    st.tuples(st.just("add_event"), NAMES, ATTRIBUTES, TIMES),
    st.tuples(st.just("add_link"), CONTEXTS, ATTRIBUTES),
    st.tuples(st.just("update_name"), NAMES),
    st.builds(lambda status: ("set_status", *status), STATUSES),
    st.tuples(st.just("record_exception"), FAULTS, ATTRIBUTES, TIMES, st.booleans()),
    st.tuples(st.just("end"), TIMES),
)
LIMITS = st.builds(
    SpanLimits,
    max_attributes=st.integers(0, 3),
    max_event_attributes=st.sampled_from([None, 0, 2]),
    max_link_attributes=st.sampled_from([None, 1]),
    max_events=st.sampled_from([SpanLimits.UNSET, 0, 1, 3]),
    max_links=st.sampled_from([SpanLimits.UNSET, 0, 1, 3]),
    max_span_attributes=st.sampled_from([SpanLimits.UNSET, 0, 1, 3]),
    max_attribute_length=st.sampled_from([SpanLimits.UNSET, 0, 2]),
    max_span_attribute_length=st.sampled_from([SpanLimits.UNSET, 0, 3]),
)
STARTS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(SpanKind),
        "attributes": ATTRIBUTES,
        "links": st.lists(st.tuples(CONTEXTS, ATTRIBUTES), max_size=4),
        "start_time": TIMES,
        "record_exception": st.booleans(),
        "set_status_on_exception": st.booleans(),
    }
)


Fresh = tuple[Any, ...]
"""An exception's class and arguments: one that has been raised keeps its traceback."""


def made(fresh: Fresh) -> BaseException:
    kind, *arguments = fresh
    error = kind(*arguments)
    assert isinstance(error, BaseException)
    return error


def arguments_of(start: dict[str, Any]) -> dict[str, Any]:
    """Links are made anew: the SDK changes those that it is given."""
    return {**start, "links": [Link(context, attributes) for context, attributes in start["links"]]}


def call_all(span: Any, calls: list[tuple[Any, ...]]) -> None:
    for name, *arguments in calls:
        getattr(span, name)(*(made(one) if one in RAISED else one for one in arguments))


def same(use: Callable[[trace.Tracer], object], limits: SpanLimits) -> None:
    ours, theirs = both(use, span_limits=limits)
    assert [told(span) for span in ours] == [told(span) for span in theirs]


@settings(max_examples=500)
@given(STARTS, st.lists(CALLS, max_size=8), LIMITS)
@example({"kind": SpanKind.SERVER, "attributes": {1: "a", "1": "b"}, "links": []}, [("end", 5)], SpanLimits())
@example(
    {"kind": SpanKind.CLIENT, "attributes": None, "links": []},
    [("set_status", StatusCode.OK, None), ("set_status", StatusCode.ERROR, "late"), ("set_attribute", "", 1)],
    SpanLimits(),
)
def test_calls(start: dict[str, Any], calls: list[tuple[Any, ...]], limits: SpanLimits) -> None:
    def use(tracer: trace.Tracer) -> None:
        span = tracer.start_span("span", **arguments_of(start))
        call_all(span, calls)
        span.end()

    same(use, limits)


@given(STARTS, st.lists(CALLS, max_size=3), LIMITS, FAULTS)
def test_an_exception_leaves_a_with_block(
    start: dict[str, Any], calls: list[tuple[Any, ...]], limits: SpanLimits, fault: Fresh
) -> None:
    def use(tracer: trace.Tracer) -> None:
        with pytest.raises(fault[0]), tracer.start_span("span", **arguments_of(start)) as span:  # noqa: PT012 -- the block
            call_all(span, calls)
            raise made(fault)

    same(use, limits)


@settings(max_examples=200)
@given(STARTS, st.lists(CALLS, max_size=2), LIMITS, st.one_of(st.none(), FAULTS), st.booleans())
def test_as_the_current_span(
    start: dict[str, Any], calls: list[tuple[Any, ...]], limits: SpanLimits, fault: Fresh | None, end_on_exit: bool
) -> None:
    def use(tracer: trace.Tracer) -> None:
        arguments = {**arguments_of(start), "end_on_exit": end_on_exit}
        raised: BaseException | None = None
        try:
            with tracer.start_as_current_span("outer", **arguments) as span:
                assert trace.get_current_span() is span
                call_all(span, calls)
                if fault is not None:
                    raise made(fault)  # noqa: TRY301 -- in the block
        except BaseException as error:  # KeyboardInterrupt among them
            raised = error
        assert type(raised) is (fault[0] if fault is not None else type(None))
        assert not trace.get_current_span().get_span_context().is_valid
        span.end()

    same(use, limits)
