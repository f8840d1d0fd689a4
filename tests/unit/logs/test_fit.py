# SPDX-License-Identifier: Apache-2.0
import dataclasses
import enum
import json
import sys
import time
from collections import OrderedDict, deque, namedtuple
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbx_otel.logs.fit import PlainEvent, fit, plain_text, shrink
from dbx_otel.logs.record import LogEvent

ROOM = 10_000


def event(body: Any = "", **more: Any) -> LogEvent:
    return LogEvent(timestamp=0, severity_number=9, severity_text="INFO", body=body, logger="test", **more)


def body(value: Any, room: int = ROOM) -> Any:
    return fit(event(value), room).body


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__

    def __len__(self) -> int:
        raise RuntimeError("no")

    def __iter__(self) -> Any:
        raise RuntimeError("no")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    def __hash__(self) -> int:
        raise RuntimeError("no")


class NoText(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no")


class Masked(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "***"


class Colour(enum.Enum):
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


@dataclasses.dataclass
class Shown:
    name: str
    secret: str = dataclasses.field(repr=False)
    inner: Any = None


@dataclasses.dataclass
class Hidden:
    secret: str

    def __repr__(self) -> str:
        return "Hidden()"


Pair = namedtuple("Pair", "a b")  # noqa: PYI024 -- the untyped kind is what is tested


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("text", "text"),
        (None, None),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        (2**63 - 1, 2**63 - 1),
        (2**63, "9223372036854775808"),
        (b"bytes \xff", "bytes \\xff"),
        (bytearray(b"ab"), "ab"),
        (memoryview(b"abc"), "abc"),
        (Hostile(), "<unprintable Hostile>"),
        ([Hostile(), 1], ["<unprintable Hostile>", 1]),
        (NoText("x"), "<unprintable NoText>"),
        (Masked("hunter2"), "***"),
        ({Masked("hunter2"): 1}, {"***": 1}),
        (Colour.RED, "red"),
        (Number.ONE, 1),
        (np.float64(1.5), 1.5),
        (np.int32(3), 3),
        (np.bool_(True), True),
        (np.float32("nan"), "NaN"),
        (np.array([1, 2]), "[1 2]"),
        (Shown("a", "hunter2", [1]), {"name": "a", "inner": [1]}),
        (Hidden("hunter2"), "Hidden()"),
        (Pair(1, [2]), [1, [2]]),
        (OrderedDict(a=1), {"a": 1}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (deque([1]), [1]),
        ({1: "a", None: "b", ("t",): "c", "": "d"}, {"1": "a", "None": "b", "('t',)": "c", "_": "d"}),
        ("half \ud800 a character", "half \ufffd a character"),
        (KeyError("k"), "KeyError: 'k'"),
        (Decimal("1.10"), "1.10"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02 00:00:00+00:00"),
        (int, "<class 'int'>"),
    ],
)
def test_plain(value: Any, plain: Any) -> None:
    assert body(value) == plain
    assert fit(event(attributes={"k": value}), ROOM).attributes == {"k": plain}
    assert not fit(event(value), ROOM).truncated


def test_an_integer_that_python_does_not_write_out() -> None:
    assert body(10**10_000) == "<integer of 33220 bits>"


def test_generators_are_not_consumed() -> None:
    generator = (number for number in range(3))
    assert body(generator).startswith("<generator object")
    assert list(generator) == [0, 1, 2]


def test_cycles_of_every_kind() -> None:
    cycle: list[Any] = []
    cycle.append({"again": cycle})
    assert body(cycle) == [{"again": "<cycle>"}]
    shown = Shown("a", "s")
    shown.inner = shown
    assert body(shown) == {"name": "a", "inner": "<cycle>"}


def test_the_same_thing_twice_is_no_cycle() -> None:
    one = [1]
    assert body([one, one]) == [[1], [1]]


def test_depth_is_bounded() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    plain = fit(event(deep), ROOM)
    assert plain.truncated
    assert "too deep" in json.dumps(plain.body)


class Endless(dict[str, Any]):
    """What `items` says does not count."""

    def items(self) -> Any:
        raise RuntimeError("no")


def test_subclasses_cannot_interfere() -> None:
    assert body(Endless(a=1)) == {"a": 1}


@pytest.mark.parametrize(
    "make",
    [
        lambda: "x" * 50_000_000,
        lambda: b"x" * 50_000_000,
        lambda: bytearray(50_000_000),
        lambda: memoryview(bytearray(50_000_000)),
        lambda: list(range(2_000_000)),
        lambda: dict.fromkeys(range(1_000_000)),
        lambda: ["x" * 1_000_000] * 1000,
        lambda: Shown("x" * 50_000_000, ""),
        lambda: [[[["x"] * 100] * 100] * 100] * 100,
    ],
)
def test_work_is_bounded(make: Callable[[], Any]) -> None:
    huge = make()
    begun = time.perf_counter()
    plain = fit(event(huge, attributes={"after": 1}), ROOM)
    assert time.perf_counter() - begun < 0.2
    assert plain.truncated
    assert len(json.dumps(plain.body)) < ROOM * 6
    if isinstance(huge, str):
        assert plain.attributes == {"after": 1}


def test_exception_becomes_attributes() -> None:
    def fail() -> None:
        try:
            dict[str, int]()["inner"]
        except KeyError as error:
            raise ValueError("outer") from error

    try:
        fail()
    except ValueError as error:
        attributes = fit(event(exception=error), ROOM).attributes
    assert attributes["exception.type"] == "ValueError"
    assert attributes["exception.message"] == "outer"
    assert "KeyError: 'inner'" in attributes["exception.stacktrace"]
    assert "direct cause" in attributes["exception.stacktrace"]


class HostileError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_hostile_exceptions() -> None:
    attributes = fit(event(exception=HostileError()), ROOM).attributes
    assert attributes["exception.type"].endswith("HostileError")
    assert attributes["exception.message"] == "<unprintable>"
    assert body(HostileError()) == "HostileError: <unprintable HostileError>"


def test_a_deep_stack_is_shown_by_its_innermost_frames() -> None:
    def down(depth: int) -> None:
        if depth == 0:
            raise ValueError("deep")
        (down if depth % 2 else sideways)(depth - 1)

    def sideways(depth: int) -> None:
        down(depth)

    try:
        down(sys.getrecursionlimit() // 3)
    except ValueError as error:
        trace = fit(event(exception=error), 100_000).attributes["exception.stacktrace"]
    assert trace.count("\n") < 300
    assert 'raise ValueError("deep")' in trace


def test_plain_text() -> None:
    assert plain_text(Hostile()) == "<unprintable Hostile>"
    assert type(plain_text(Masked("x"))) is str


hostile = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=300)
    | st.binary(max_size=300)
    | st.builds(Hostile)
    | st.builds(object)
    | st.builds(NoText, st.text(max_size=3))
    | st.dates()
    | st.decimals()
    | st.uuids()
    | st.complex_numbers()
    | st.sampled_from([Colour.RED, int, print, HostileError()]),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.integers() | st.none() | st.floats(), inner)
        | st.tuples(inner, inner)
        | st.builds(Shown, inner, inner, inner)
        | st.sets(st.text())
    ),
    max_leaves=30,
)
rooms = st.integers(0, 2000)


def assert_plain(value: Any) -> None:
    assert type(value) in {str, int, float, bool, type(None), list, dict}
    if type(value) is list:
        for item in value:
            assert_plain(item)
    elif type(value) is dict:
        for key, item in value.items():
            assert type(key) is str
            assert key
            assert_plain(item)
    elif type(value) is str:
        value.encode("utf-8")
    elif type(value) is int:
        assert value.bit_length() <= 63


@given(hostile, st.dictionaries(st.text(), hostile), rooms)
def test_everything_becomes_plain(value: Any, attributes: dict[str, Any], room: int) -> None:
    plain = fit(event(value, attributes=attributes), room)
    assert_plain(plain.body)
    assert_plain(plain.attributes)
    json.dumps(plain.body, allow_nan=False).encode()


@given(hostile, rooms, rooms)
def test_shrinking_never_grows(value: Any, room: int, less: int) -> None:
    def size(plain: PlainEvent) -> int:
        return len(json.dumps([plain.body, plain.attributes], ensure_ascii=False))

    plain = fit(event(value, attributes={"k": value}), room)
    smaller = shrink(plain, less)
    assert_plain(smaller.body)
    assert size(smaller) <= size(plain) + 2  # a mark for each of the two where nothing had been cut before
    assert smaller.truncated or smaller.body == plain.body
