# SPDX-License-Identifier: Apache-2.0
"""What is kept encoded is what encoding anew gives, and never grows without bounds."""

import sys
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.common._internal import _encode_attributes
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from dbx_otel.otlp.attributes import AttributeField
from dbx_otel.otlp.kept import LONGEST_KEPT, MOST_KEPT, Kept
from tests.unit.otlp.values_for_tests import ATTRIBUTES

_FIELD = AttributeField(1)


def _decoded(attributes: Any, field: AttributeField = _FIELD) -> Resource:
    parts: list[bytes] = []
    field.append_to(parts, attributes)
    return Resource.FromString(b"".join(parts))


@pytest.mark.parametrize(
    "form",
    [dict, BoundedAttributes, MappingProxyType, lambda given: tuple(given.items())],
    ids=["dict", "bounded", "proxy", "pairs"],
)
@given(attributes=ATTRIBUTES)
def test_attributes_in_every_form(form: Any, attributes: dict[str, Any]) -> None:
    if form is BoundedAttributes:
        attributes = BoundedAttributes(attributes=attributes)._dict  # as it has cleaned them
    given_form = BoundedAttributes(attributes=attributes) if form is BoundedAttributes else form(attributes)
    expected = Resource(attributes=_encode_attributes(attributes))
    for _ in range(2):  # encoded, and kept
        assert _decoded(given_form).SerializeToString(deterministic=True) == expected.SerializeToString(
            deterministic=True
        )


def test_nothing_gives_nothing() -> None:
    assert not _decoded(None).attributes
    assert not _decoded({}).attributes


@given(st.permutations([1, True, 1.0, 0, False, 0.0, "1"]))
def test_equal_values_of_different_types_stay_what_they_are(values: list[Any]) -> None:
    field = AttributeField(1)
    for value in values * 2:
        (attribute,) = _decoded({"a": value}, field).attributes
        which = {int: "int_value", bool: "bool_value", float: "double_value", str: "string_value"}[type(value)]
        assert attribute.value.WhichOneof("value") == which
        assert getattr(attribute.value, which) == value


class _Nameless:
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_names_that_are_no_text_are_shown_or_left_out() -> None:
    assert [each.key for each in _decoded({7: 1.5, None: "x", _Nameless(): 2.5, "": 1}).attributes] == ["7", "None", ""]


def test_the_same_value_is_encoded_once() -> None:
    encoded: list[str] = []

    def encode(value: str) -> bytes:
        encoded.append(value)
        return value.encode()

    kept = Kept(encode)
    assert [kept["a"], kept["a"], kept["b"], kept["a"]] == [b"a", b"a", b"b", b"a"]
    assert encoded == ["a", "b"]


def test_what_is_kept_is_bounded_and_what_is_new_gets_in_after_a_while() -> None:
    kept = Kept(lambda value: str(value).encode())
    for number in range(10_000):
        assert kept[number] == str(number).encode()
        assert len(kept) <= MOST_KEPT
    assert min(kept) > 5_000


def test_what_is_long_is_not_kept() -> None:
    kept = Kept(lambda value: str(value).encode())
    assert kept["x" * (LONGEST_KEPT + 1)]
    assert not kept


def test_names_without_end_do_not_fill_the_memory() -> None:
    field = AttributeField(1)
    for number in range(5_000):
        _decoded({f"name {number}": "x", "y" * number: True}, field)
    held = list(field._kept.values())
    assert max(map(len, held)) <= 128
    assert max(len(name) for names in held for name in names) <= LONGEST_KEPT
    assert sum(sys.getsizeof(kept) for names in held for kept in names.values()) < 1 << 20


@pytest.mark.parametrize("around", [0, 127, 1008, 1024, 1 << 14, 1 << 16])
def test_texts_of_lengths_that_are_written_in_more_bytes(around: int) -> None:
    for size in range(max(around - 25, 0), around + 25):
        attributes = {"name": "x" * size, "n" * size: "é"}
        assert _decoded(attributes) == Resource(attributes=_encode_attributes(attributes))
