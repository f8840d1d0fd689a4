# SPDX-License-Identifier: Apache-2.0
"""Headers of variables are read as OpenTelemetry's exporters read them, and what is none is not shown."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.util.re import parse_env_headers

from dbx_otel.distro import header_list

# What HTTP and gRPC both carry; OpenTelemetry's reader lets through what neither would send.
_SENDABLE = re.compile(r"[\x20-\x7e]*")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a=b",
        " A = b , c=d,",
        "authorization=Bearer%20abc%3D%3D",
        "authorization=Bearer abc%3D==",
        "x=a=b=c,,y=",
        "x%2Dy=1",
        "k=%41%2C%3B",
        "x=1,x=2",
        "no header,a=b",
        "a b=c",
        "=c",
        "a=b\tc",
        "a=ž",
    ],
)
def test_as_opentelemetry_reads_them(text: str) -> None:
    assert header_list.read(text, liberal=True)[0] == parse_env_headers(text, liberal=True)


@given(st.text(alphabet='aB1-_%= ,\t;"2C', max_size=30))
def test_all_that_opentelemetry_takes_is_taken(text: str) -> None:
    theirs = parse_env_headers(text, liberal=True)
    ours, _ = header_list.read(text, liberal=True)
    sendable = {
        name: value
        for name, value in theirs.items()
        if re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) and _SENDABLE.fullmatch(value)
    }
    assert sendable.items() <= {**ours, **sendable}.items()
    assert set(sendable) <= set(ours)


@given(st.text())
def test_what_is_read_can_be_sent(text: str) -> None:
    for liberal in (False, True):
        headers, bad = header_list.read(text, liberal=liberal)
        assert all(name == name.lower() and name.isascii() for name in headers)
        assert all(_SENDABLE.fullmatch(value) for value in headers.values())
        assert all(1 <= number <= text.count(",") + 1 for number in bad)


def test_entries_are_counted_from_one() -> None:
    assert header_list.read("a=b, canary ,c=d,=x,") == ({"a": "b", "c": "d"}, [2, 4])


def test_a_value_with_blanks_stands_for_itself_only_where_asked() -> None:
    assert header_list.read("a=b c%20d")[0] == {"a": "b c d"}
    assert header_list.read("a=b c%20d", liberal=True)[0] == {"a": "b c%20d"}
