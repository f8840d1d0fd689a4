# SPDX-License-Identifier: Apache-2.0
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbx_otel.local.terminal import Style, width_of
from dbx_otel.local.tree import duration, log_line, outcome, tree_lines, who
from tests.unit.local.records_for_tests import TRACE, log, span

ADA = {"user.email": "ada@example.com", "user.name": "Ada Lovelace", "client.address": "203.0.113.7"}
RESOURCE = {"service.name": "orders"}


def test_a_trace_as_people_see_it() -> None:
    spans = [
        span("GET /orders/{id}", 1, None, end=86, kind="server", resource=RESOURCE,
             attributes=ADA | {"http.response.status_code": 200}),
        span("GET", 2, 1, end=8, kind="client", resource=RESOURCE,
             attributes={"http.request.method": "GET", "server.address": "rates.example.com",
                         "http.response.status_code": 200}),
        span("GET /rates/{currency}", 3, 2, end=5, kind="server", resource={"service.name": "rates"},
             attributes={"http.response.status_code": 403}),
        span("price", 6, 1, start=20, end=20),
    ]  # fmt: skip
    logs = [log("order 7 read", 1, at=40), log("no rate", 3, at=4, severity_number=13)]
    assert tree_lines(spans, logs, width=80) == [
        f"trace {TRACE} · orders · rates",
        "Ada Lovelace <ada@example.com> from 203.0.113.7",
        "GET /orders/{id}                                 server   200            85.0 ms",
        "├─ GET rates.example.com                         client   200            6.00 ms",
        "│  └─ GET /rates/{currency}                      server   403 denied     2.00 ms",
        "│     └─ WARN  orders  no rate",
        "├─ price                                                                    0 µs",
        "└─ INFO  orders  order 7 read",
    ]


def test_a_trace_of_nobody_says_so() -> None:
    assert tree_lines([span("job")], width=60)[1] == "nobody is named"


def test_a_second_person_in_a_trace_is_shown_where_they_begin() -> None:
    spans = [
        span("page", 1, None, attributes=ADA),
        span("same", 2, 1, attributes=ADA),
        span("other", 3, 1, attributes={"user.email": "eve@example.com"}),
        span("inside", 4, 3),
    ]
    lines = tree_lines(spans, width=60)
    assert [line.rstrip() for line in lines if "@" in line] == [
        "Ada Lovelace <ada@example.com> from 203.0.113.7",
        "   │  eve@example.com",
    ]
    assert lines.index("   │  eve@example.com") == lines.index(next(line for line in lines if "other" in line)) + 1


def test_an_error_tells_its_message() -> None:
    lines = tree_lines([span("job", status="error", status_message="division\nby zero")], width=60)
    assert lines[2].split() == ["job", "error", "1.00", "ms"]
    assert lines[3] == "   division\\nby zero"


def test_headers_that_were_not_used_are_named_once() -> None:
    attributes = {"databricks.identity.rejected": ["x-forwarded-email:malformed", "x-real-ip:\x07"]}
    spans = [span("GET /", kind="server", attributes=attributes), span("inside", 2, 1, attributes=attributes)]
    lines = tree_lines(spans, width=80)
    assert [line.strip("│ ") for line in lines if "not used" in line] == [
        "headers not used: x-forwarded-email:malformed, x-real-ip:\\x07"
    ]


def test_a_missing_parent_is_mentioned() -> None:
    assert "parent 0000000000000009 is not among what arrived" in tree_lines([span("x", 1, 9)], width=80)[3]


def test_two_traces_have_a_line_between_them() -> None:
    lines = tree_lines([span("a"), span("b", 2, trace_id="1" * 32)], width=60)
    assert lines[3] == ""
    assert len(lines) == 7


def test_log_records_without_a_trace_are_not_drawn() -> None:
    assert tree_lines([], [log("alone", None)]) == []


@pytest.mark.parametrize(
    ("attributes", "shown"),
    [
        (ADA, "Ada Lovelace <ada@example.com> from 203.0.113.7"),
        ({"user.email": "ada@example.com"}, "ada@example.com"),
        ({"user.id": "7@1", "client.address": "::1"}, "7@1 from ::1"),
        ({"user.name": "Ada"}, "Ada"),
        ({"user.hash": "0123456789abcdef0123"}, "user 0123456789abcdef…"),
        ({"client.address": "203.0.113.7"}, ""),
        ({}, ""),
        ({"user.email": "\x1b[31mred@example.com"}, "\\x1b[31mred@example.com"),
    ],
)
def test_who(attributes: dict[str, str], shown: str) -> None:
    assert who(attributes) == shown


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"attributes": {"http.response.status_code": 200}}, ("200", Style.GOOD)),
        ({"attributes": {"http.response.status_code": 302}}, ("302", Style.GOOD)),
        ({"attributes": {"http.response.status_code": 401}}, ("401 denied", Style.BAD)),
        ({"attributes": {"http.response.status_code": 403}}, ("403 denied", Style.BAD)),
        ({"attributes": {"http.response.status_code": 404}}, ("404", Style.WARNING)),
        ({"attributes": {"http.response.status_code": 503}, "status": "error"}, ("503 error", Style.BAD)),
        ({"attributes": {"http.status_code": 403}}, ("403 denied", Style.BAD)),
        ({"attributes": {"http.response.status_code": "odd"}}, ("", Style.PLAIN)),
        ({"status": "error"}, ("error", Style.BAD)),
        ({"status": "ok"}, ("ok", Style.GOOD)),
        ({}, ("", Style.PLAIN)),
    ],
)
def test_outcome(fields: dict[str, Any], shown: tuple[str, Style]) -> None:
    assert outcome(span("x", **fields)) == shown


@pytest.mark.parametrize(
    ("nanoseconds", "shown"),
    [
        (0, "0 µs"),
        (840_000, "840 µs"),
        (1_000_000, "1.00 ms"),
        (18_340_000, "18.3 ms"),
        (999_700_000, "1,000 ms"),
        (2_414_000_000, "2.41 s"),
        (123_400_000_000, "123 s"),
        (7_200_000_000_000, "7,200 s"),
    ],
)
def test_duration(nanoseconds: int, shown: str) -> None:
    assert duration(nanoseconds) == shown


def test_a_log_line_shows_event_and_body_and_is_cut() -> None:
    record = log("may not see it", None, event_name="security.authz.fail", severity_number=17)
    assert log_line(record, width=60) == "ERROR orders  security.authz.fail: may not see it"
    assert log_line(record, width=30) == "ERROR orders  security.authz.…"
    assert log_line(log(None, None, severity_number=0)) == "LOG   orders"
    assert log_line(log({"a": "\x07"}, None)) == "INFO  orders  {'a': '\\x07'}"


def test_colour_changes_nothing_but_the_colour() -> None:
    spans = [span("a", attributes=ADA), span("b", 2, 1, status="error", status_message="no")]
    plain, coloured = tree_lines(spans, [log("x")]), tree_lines(spans, [log("x")], colour=True)
    assert "\x1b[" in "".join(coloured)
    assert [re.sub(r"\x1b\[\d*m", "", line) for line in coloured] == plain


@given(
    names=st.lists(st.text(max_size=120), min_size=1, max_size=30),
    email=st.text(max_size=150),
    body=st.text(max_size=150),
    width=st.integers(60, 160),
    deep=st.booleans(),
)
def test_no_line_is_wider_than_asked(names: list[str], email: str, body: str, width: int, deep: bool) -> None:
    spans = [
        span(name, number + 1, (number if deep else 1) if number else None,
             attributes={"user.email": f"{number}{email}", "client.address": name},
             resource={"service.name": name}, status="error", status_message=body)
        for number, name in enumerate(names)
    ]  # fmt: skip
    lines = tree_lines(spans, [log(body, len(names))], width=width)
    assert all(width_of(line) <= width for line in lines)
    assert all(line.isprintable() for line in lines)
    # Each span has its row, however deep: it ends in how long it took.
    assert sum(line.endswith("1.00 ms") for line in lines) == len(names)
