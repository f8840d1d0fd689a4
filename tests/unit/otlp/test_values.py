# SPDX-License-Identifier: Apache-2.0
"""What apps hand over arrives as what it is; what OTLP has no form for arrives as text."""

from collections import UserDict, deque
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common._internal import _encode_value
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from dbx_otel.otlp.values import DEEPEST, LEFT_OUT, LONGEST_SHOWN, MOST_VALUES, any_value
from tests.unit.otlp.values_for_tests import VALUES


class _Colour(StrEnum):
    RED = "red"


class _Number(IntEnum):
    SEVEN = 7


class _Plain(Enum):
    ONE = 1


class _Unshowable:
    def __str__(self) -> str:
        raise RuntimeError("no")


class _Unreadable(UserDict[str, int]):
    def __iter__(self) -> Any:
        raise RuntimeError("no")

    def __repr__(self) -> str:
        return "unreadable"


class _SubclassOfFloat(float):
    pass


def _decoded(value: Any) -> AnyValue:
    return AnyValue.FromString(any_value(value))


@given(VALUES)
def test_values_are_as_the_official_encoder_writes_them(value: Any) -> None:
    ours, theirs = _decoded(value), _encode_value(value)
    assert ours.SerializeToString(deterministic=True) == theirs.SerializeToString(deterministic=True)


@pytest.mark.parametrize(
    "value",
    [
        *(
            _Colour.RED,
            _Number.SEVEN,
            _SubclassOfFloat(1.5),
            range(3),
            UserDict({"a": 1}),
            bytearray(b"ab"),
            deque([1]),
        ),
        *((1, True, 1.0), {1: "a", None: "b"}, -(1 << 63), (1 << 63) - 1),
    ],
)
def test_subclasses_and_look_alikes_are_as_the_official_encoder_writes_them(value: Any) -> None:
    assert _decoded(value) == _encode_value(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1 << 63, "9223372036854775808"),
        (-(1 << 63) - 1, "-9223372036854775809"),
        (Decimal("1.50"), "1.50"),
        (_Plain.ONE, "_Plain.ONE"),
        ({1}, "{1}"),
        (_Unshowable(), "<_Unshowable>"),
        (_Unreadable(a=1), "unreadable"),
        ("a\udc80", "a\\udc80"),
        (Decimal("1" * 20_000), "1" * LONGEST_SHOWN),
    ],
)
def test_what_has_no_form_becomes_text(value: Any, text: str) -> None:
    assert _decoded(value).string_value == text


def test_a_number_of_more_digits_than_python_shows_becomes_text() -> None:
    assert _decoded(10**5000).string_value == "<int>"


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"k": inner}], ids=["lists", "mappings"])
def test_what_is_nested_too_deep_is_left_out_and_stays_readable(wrap: Any) -> None:
    value: Any = "bottom"
    for _ in range(DEEPEST + 5):
        value = wrap(value)
    encoded = _decoded(value)
    for _ in range(DEEPEST):
        inner = encoded.array_value.values or [pair.value for pair in encoded.kvlist_value.values]
        encoded = inner[0]
    assert encoded.string_value == LEFT_OUT


def test_as_deep_as_allowed_is_whole() -> None:
    value: Any = "bottom"
    for _ in range(DEEPEST):
        value = [value]
    assert _decoded(value) == _encode_value(value)


def test_what_holds_itself_ends() -> None:
    value: list[Any] = []
    value += [value, value, value]
    assert 0 < len(any_value(value)) < 100 * MOST_VALUES


def test_a_doubling_structure_ends() -> None:
    value: Any = ["x"]
    for _ in range(25):
        value = [value, value]
    assert 0 < len(any_value(value)) < 100 * MOST_VALUES


def test_too_many_values_end_with_a_mark() -> None:
    values = _decoded(list(range(2 * MOST_VALUES))).array_value.values
    assert len(values) == MOST_VALUES
    assert values[-1].string_value == LEFT_OUT
    assert values[-2].int_value == MOST_VALUES - 2


@given(st.recursive(st.from_type(object), st.lists, max_leaves=5))
def test_no_object_stops_the_encoder(value: Any) -> None:
    assert isinstance(any_value(value), bytes)
    AnyValue.FromString(any_value(value))
