# SPDX-License-Identifier: Apache-2.0
"""The wire format, beside protobuf's own."""

import pytest
from google.protobuf.wrappers_pb2 import BytesValue, DoubleValue, StringValue, UInt32Value, UInt64Value
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogramDataPoint, NumberDataPoint

from dbx_otel.otlp import wire

_FIRST = wire.tag(1, wire.VARINT)
_FIRST_DELIMITED = wire.tag(1, wire.LENGTH_DELIMITED)


@given(st.one_of(st.integers(0, (1 << 64) - 1), st.integers(0, 1 << 15)))
def test_varints(number: int) -> None:
    assert UInt64Value.FromString(_FIRST + wire.varint(number)).value == number
    assert wire.length(number) == wire.varint(number)


def test_a_varint_is_not_negative() -> None:
    with pytest.raises(ValueError, match="-1"):
        wire.varint(-1)


@given(st.integers(-(1 << 31), (1 << 31) - 1))
def test_signed_numbers(number: int) -> None:
    field = wire.tag(6, wire.VARINT) + wire.zigzag(number)
    assert ExponentialHistogramDataPoint.FromString(field).scale == number


@given(st.binary(max_size=3000))
def test_lengths(data: bytes) -> None:
    assert BytesValue.FromString(wire.delimited(_FIRST_DELIMITED, data)).value == data


@given(st.text())
def test_text(text: str) -> None:
    found = StringValue.FromString(wire.text_field(_FIRST_DELIMITED, text)).value
    assert found.encode() == text.encode("utf-8", "backslashreplace")


def test_what_is_no_text_is_shown() -> None:
    assert StringValue.FromString(wire.text_field(_FIRST_DELIMITED, 7)).value == "7"


@given(st.integers(-(1 << 40), 1 << 40))
def test_counts_are_brought_within_bounds(number: int) -> None:
    field = wire.count_field(_FIRST, number)
    assert UInt32Value.FromString(field).value == min(max(number, 0), (1 << 32) - 1)


@given(st.integers(-(1 << 70), 1 << 70))
def test_times_that_do_not_fit_are_left_out(nanoseconds: int) -> None:
    field = wire.time_field(wire.tag(3, wire.FIXED64), nanoseconds)
    assert NumberDataPoint.FromString(field).time_unix_nano == (nanoseconds if 0 <= nanoseconds < 1 << 64 else 0)


@given(st.floats(allow_nan=False))
def test_doubles(number: float) -> None:
    assert DoubleValue.FromString(wire.double_field(wire.tag(1, wire.FIXED64), number)).value == number


def test_no_double_is_no_field() -> None:
    assert wire.double_field(b"x", None) == b""
