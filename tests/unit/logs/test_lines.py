# SPDX-License-Identifier: Apache-2.0
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbx_otel.logs.fit import fit
from dbx_otel.logs.json_line import json_line
from dbx_otel.logs.record import LogEvent, Origin
from dbx_otel.logs.text_line import text_line
from dbx_otel.logs.time_text import rfc3339
from tests.unit.logs.test_fit import hostile

TIME = 1_795_428_000_123_456_789
ORIGIN = Origin(
    trace_id="0af7651916cd43dd8448eb211c80319c",
    span_id="b7ad6b7169203331",
    user={"id": "7@1", "email": "ann@example.com", "name": "Ann"},
    client_address="10.0.0.7",
    resource={"service.name": "orders"},
)


def event(body: Any = "hello", **more: Any) -> LogEvent:
    return LogEvent(timestamp=TIME, severity_number=9, severity_text="INFO", body=body, logger="shop", **more)


def line(body: Any, max_bytes: int = 100_000, origin: Origin = Origin(), **more: Any) -> str:  # noqa: B008 -- a tuple
    ascii_only = more.pop("ascii_only", False)
    return json_line(fit(event(body, **more), max_bytes), origin, max_bytes, ascii_only=ascii_only)


def test_keys_and_their_order() -> None:
    text = line("hello", origin=ORIGIN, attributes={"a": 1}, event_name="security.authz.fail")
    assert list(json.loads(text).items()) == [
        ("timestamp", "2026-11-23T10:00:00.123456Z"),
        ("severity", "INFO"),
        ("body", "hello"),
        ("logger", "shop"),
        ("trace_id", "0af7651916cd43dd8448eb211c80319c"),
        ("span_id", "b7ad6b7169203331"),
        ("user", {"id": "7@1", "email": "ann@example.com", "name": "Ann"}),
        ("client", {"address": "10.0.0.7"}),
        ("event_name", "security.authz.fail"),
        ("attributes", {"a": 1}),
        ("resource", {"service.name": "orders"}),
    ]


def test_what_is_absent_is_absent() -> None:
    assert set(json.loads(line("hello"))) == {"timestamp", "severity", "body", "logger"}
    assert "body" not in json.loads(line(None))
    assert json.loads(line(0))["body"] == 0
    assert json.loads(line(""))["body"] == ""


def test_no_character_breaks_the_line_or_steers_a_terminal() -> None:
    every = "".join(map(chr, range(0x2100))) + "\u2028\u2029\u202e\u2066\ufeff\ud800\U0001f600"
    text = line(every, attributes={every[:200]: every}, origin=ORIGIN._replace(user={"name": every}))
    assert len(text.splitlines()) == 1
    assert not re.search(
        "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]", text
    )
    assert json.loads(text)["body"] == every.replace("\ud800", "\ufffd")


def test_ascii_only() -> None:
    text = line("Zürich \U0001f600", ascii_only=True)
    assert text.isascii()
    assert json.loads(text)["body"] == "Zürich \U0001f600"


def test_a_line_that_fits_is_whole() -> None:
    text = line("x" * 700, 1023)
    assert json.loads(text)["body"] == "x" * 700
    assert "truncated" not in json.loads(text)


def test_escapes_are_counted() -> None:
    text = line("\x00" * 10_000, 5000)
    assert 2000 < len(text) <= 5000
    assert json.loads(text)["truncated"] is True


def test_what_is_cut_uses_most_of_the_room() -> None:
    assert len(line("x" * 1_000_000, 100_000)) > 70_000


def test_who_it_was_is_cut_last() -> None:
    tight = ORIGIN._replace(resource={"service.name": "x" * 900})
    told = json.loads(line("hello", 1023, tight))
    assert told["user"]["id"] == "7@1"
    assert "resource" not in told
    assert told["truncated"] is True


def test_last_resort() -> None:
    crowded = Origin(trace_id="t" * 32, span_id="s" * 16, user={"name": "é" * 900})
    text = json_line(
        fit(event("hello", attributes={"\x00" * 256: 1}, event_name="\x00" * 256), 1023)._replace(logger="\x00" * 256),
        crowded,
        1023,
    )
    assert len(text) <= 1023
    assert json.loads(text)["trace_id"] == "t" * 32


@given(
    hostile,
    st.dictionaries(st.text(), hostile, max_size=5),
    st.text(st.characters(exclude_categories=())),
    st.integers(1023, 4000),
    st.booleans(),
)
def test_always_one_line_of_json_that_fits(
    body: Any, attributes: dict[str, Any], name: str, max_bytes: int, ascii_only: bool
) -> None:
    raw = LogEvent(
        timestamp=TIME,
        severity_number=9,
        severity_text=name,
        body=body,
        logger=name,
        attributes=attributes,
        event_name=name,
    )
    origin = Origin(trace_id="t" * 32, span_id="s" * 16, user={"name": name}, resource={"service.name": name})
    text = json_line(fit(raw, max_bytes), origin, max_bytes, ascii_only=ascii_only)
    assert len(text.encode()) <= max_bytes
    assert len(text.splitlines()) == 1
    assert isinstance(json.loads(text, parse_constant=pytest.fail), dict)
    assert text.isascii() or not ascii_only


def test_text_line() -> None:
    plain = fit(event("hello", attributes={"order": 17, "note": "a b", "code.line.number": 3}), 1000)
    assert text_line(plain, ORIGIN, 1000) == (
        "2026-11-23T10:00:00.123Z INFO     shop  hello  "
        "order=17 note='a b' user=ann@example.com trace=0af7651916cd43dd8448eb211c80319c"
    )


def test_text_line_cannot_be_forged() -> None:
    plain = fit(event("hello\n2026-11-23T10:00:00.123Z INFO root\r\nforged\x1b[2J\u2028\u200b"), 1000)
    first, *rest = text_line(plain, Origin(), 1000).splitlines()
    assert first.startswith("2026")
    assert all(one.startswith("    ") for one in rest)
    assert rest[-1] == "    forged\\x1b[2J\\u2028\\u200b"


def test_text_line_shows_stack_traces() -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError as error:
        plain = fit(event(exception=error), 10_000)
    lines = text_line(plain, Origin(), 10_000).splitlines()
    assert lines[1] == "    Traceback (most recent call last):"
    assert lines[-1] == "    ZeroDivisionError: division by zero"


@given(hostile, st.integers(1023, 4000), st.booleans())
def test_text_line_always_fits(body: Any, max_bytes: int, ascii_only: bool) -> None:
    text = text_line(fit(event(body), 100_000), ORIGIN, max_bytes, ascii_only=ascii_only)
    assert len(text.encode()) <= max_bytes
    assert all(one.startswith("    ") for one in text.splitlines()[1:])


def test_times_out_of_range_are_brought_in() -> None:
    assert rfc3339(-1) == "1970-01-01T00:00:00.999999Z"
    assert rfc3339(10**30).startswith("9999-12-31T23:59:59")
