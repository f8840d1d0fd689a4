# SPDX-License-Identifier: Apache-2.0
"""Strategies for what apps put into telemetry, as far as the official encoder takes it, and how requests compare."""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, TraceFlags, TraceState

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1)
SCALARS = st.one_of(TEXT, st.booleans(), INTEGERS, st.sampled_from([0, 1, -1]), st.floats(), st.binary(max_size=9))
VALUES = st.recursive(
    st.one_of(SCALARS, st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.lists(inner, max_size=4).map(tuple), st.dictionaries(TEXT, inner, max_size=4)
    ),
    max_leaves=8,
)
NAMES = st.one_of(st.sampled_from(["a", "b", "http.route", "ünïcode"]), TEXT.filter(bool))
ATTRIBUTES = st.dictionaries(NAMES, VALUES, max_size=6)
TIMES = st.integers(0, (1 << 64) - 1)
COUNTS = st.integers(0, (1 << 32) - 1)
TRACE_IDS = st.integers(1, (1 << 128) - 1)
SPAN_IDS = st.integers(1, (1 << 64) - 1)
TRACE_STATES = st.one_of(
    st.none(),
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_*/-]{0,8}", fullmatch=True),
        st.from_regex(r"[!-+\--<>-~]{1,8}", fullmatch=True),
        max_size=3,
    ).map(lambda state: TraceState(list(state.items()))),
)
CONTEXTS = st.builds(
    SpanContext,
    trace_id=TRACE_IDS,
    span_id=SPAN_IDS,
    is_remote=st.booleans(),
    trace_flags=st.sampled_from([0, 1]).map(TraceFlags),
    trace_state=TRACE_STATES,
)
RESOURCES = st.sampled_from(
    [
        Resource({}),
        Resource({"service.name": "shop", "process.pid": 7}, "https://schemas.example/1"),
        Resource({"service.name": "shop", "process.pid": 7}, "https://schemas.example/1"),  # equal, another object
        Resource({"service.name": "bank", "host": ["a", "b"], "deep": {"x": 1.5, "y": None}}),
    ]
)
SCOPES = st.sampled_from(
    [
        None,
        InstrumentationScope("library"),
        InstrumentationScope("library"),
        InstrumentationScope("library", "1.2", "https://schemas.example/2", {"a": 1, "b": ["x"]}),
        InstrumentationScope("library", "1.2", "https://schemas.example/2", {"a": 2}),
    ]
)


def records(request: Any, field: str, records_field: str) -> list[tuple[bytes, ...]]:
    """Return each record of a request with the resource and scope that it stands under, in an order of its own.

    As bytes, so that what is no number equals itself.
    """
    found = [
        (_bytes(of_resource.resource), of_resource.schema_url, _bytes(of_scope.scope), of_scope.schema_url, _bytes(one))
        for of_resource in getattr(request, f"resource_{field}")
        for of_scope in getattr(of_resource, f"scope_{field}")
        for one in getattr(of_scope, records_field)
    ]
    return sorted(found)


def groups(request: Any, field: str) -> list[tuple[Any, ...]]:
    """Return how many scopes stand under each resource."""
    return sorted(
        (_bytes(of_resource.resource), of_resource.schema_url, len(getattr(of_resource, f"scope_{field}")))
        for of_resource in getattr(request, f"resource_{field}")
    )


def decoded(kind: Callable[[], Any], serialized: bytes) -> Any:
    """Return a request as the official decoder reads it; it has nothing that is unknown to it."""
    request = kind()
    request.ParseFromString(serialized)
    size = request.ByteSize()
    request.DiscardUnknownFields()
    assert request.ByteSize() == size
    return request


def _bytes(message: Message) -> bytes:
    return message.SerializeToString(deterministic=True)
