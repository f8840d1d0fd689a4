# SPDX-License-Identifier: Apache-2.0
"""What the proxy's headers may hold, outcome by outcome."""

import time
import unicodedata
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbx_otel.identity.headers import Forwarded, RawValues, read

USER = "x-forwarded-user"
EMAIL = "x-forwarded-email"
NAME = "x-forwarded-preferred-username"
ADDRESS = "x-real-ip"
REQUEST = "x-request-id"
TOKEN = "x-forwarded-access-token"
FIELDS = {USER: "user_id", EMAIL: "email", NAME: "name", ADDRESS: "client_address", REQUEST: "request_id"}
GOOD = {
    USER: "123456@1234567890",
    EMAIL: "ada@example.com",
    NAME: "Ada Lovelace",
    ADDRESS: "203.0.113.7",
    REQUEST: "0b7e6f5e-2a57-4bd8-9c3c-3f0a3c1f7a11",
}
LONGEST = {USER: 256, EMAIL: 320, NAME: 256, ADDRESS: 64, REQUEST: 128}
REASONS = {"too_long", "bad_encoding", "control_character", "duplicate", "malformed"}


def repeat(values: Sequence[str | bytes]) -> RawValues:
    return lambda _: values


def from_values(**values: Sequence[str | bytes]) -> Forwarded:
    by_name = {name.replace("_", "-"): value for name, value in values.items()}
    return read(lambda name: by_name.get(name, ()))


def one(header: str, *values: str | bytes) -> Any:
    """Return what became of one header: its value, or the reason it was rejected for."""
    forwarded = read(lambda name: values if name == header else ())
    if forwarded.rejected:
        (entry,) = forwarded.rejected
        name, _, reason = entry.partition(":")
        assert name == header
        assert getattr(forwarded, FIELDS[header]) is None
        return f"!{reason}"
    return getattr(forwarded, FIELDS[header])


def test_nothing_said() -> None:
    assert read(lambda _: ()) == Forwarded()


@pytest.mark.parametrize("as_received", [str, str.encode])
def test_everything_said(as_received: Any) -> None:
    values = {name: [as_received(value)] for name, value in GOOD.items()}
    assert read(lambda name: values.get(name, ())) == Forwarded(
        user_id="123456@1234567890",
        email="ada@example.com",
        name="Ada Lovelace",
        client_address="203.0.113.7",
        request_id="0b7e6f5e-2a57-4bd8-9c3c-3f0a3c1f7a11",
    )


def test_one_bad_header_leaves_the_others() -> None:
    values = {**GOOD, EMAIL: "no address"}
    forwarded = read(lambda name: [values[name]] if name in values else ())
    assert forwarded.rejected == ("x-forwarded-email:malformed",)
    assert forwarded._replace(email=GOOD[EMAIL], rejected=()) == read(lambda name: [GOOD[name]] if name in GOOD else ())


@pytest.mark.parametrize("header", FIELDS)
class TestEveryHeader:
    def test_empty_is_not_said(self, header: str) -> None:
        assert one(header, "") is None
        assert one(header, b" \t ") is None

    def test_blanks_around_are_not_part_of_it(self, header: str) -> None:
        assert one(header, f" \t{GOOD[header]} ") == GOOD[header]

    def test_longest(self, header: str) -> None:
        assert one(header, b"a" * (LONGEST[header] + 1)) == "!too_long"
        assert one(header, "1" * 10_000_000) == "!too_long"
        assert one(header, b"a" * LONGEST[header]) != "!too_long"

    @pytest.mark.parametrize("raw", [b"\xff\xfe", b"a\xc3", b"\xed\xa0\x80", "\xff", "a\udcff", "\ud800"])
    def test_not_utf8(self, header: str, raw: str | bytes) -> None:
        assert one(header, raw) == "!bad_encoding"

    @pytest.mark.parametrize(
        "character",
        [
            *("\x00", "\n", "\r", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\u202e", "\u2066"),
            *("\u061c", "\u200b", "\u200e", "\u200f", "\u2060", "\ufeff"),
        ],
    )
    def test_control_characters(self, header: str, character: str) -> None:
        text = GOOD[header][:2] + character + GOOD[header][2:]
        assert one(header, text.encode()) == "!control_character"
        assert one(header, text.encode().decode("latin-1")) == "!control_character"

    @pytest.mark.parametrize("around", ["\u200e{}\u200b", "\ufeff{}", "{}\u2060"])
    def test_what_is_not_seen_around_it(self, header: str, around: str) -> None:
        assert one(header, around.format(GOOD[header]).encode()) == "!control_character"

    def test_twice_the_same_is_once(self, header: str) -> None:
        assert one(header, GOOD[header], GOOD[header].encode()) == GOOD[header]

    def test_twice_different_is_neither(self, header: str) -> None:
        assert one(header, GOOD[header], GOOD[header] + "1") == "!duplicate"
        assert one(header, *(str(number) for number in range(1000))) == "!duplicate"

    def test_empty_beside_it_does_not_count(self, header: str) -> None:
        assert one(header, "", GOOD[header]) == GOOD[header]

    @pytest.mark.parametrize("value", [5, None, ["a"], object()])
    def test_what_is_no_text(self, header: str, value: Any) -> None:
        assert one(header, value) == "!bad_encoding"

    def test_a_reader_that_fails(self, header: str) -> None:
        def values(name: str) -> Sequence[str]:
            if name == header:
                raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "canary")
            return ()

        assert read(values) == Forwarded(rejected=(f"{header}:bad_encoding",))

    def test_a_reader_that_fails_half_way(self, header: str) -> None:
        def fails() -> Any:
            yield GOOD[header]
            raise RuntimeError

        assert read(lambda name: fails() if name == header else ()) == Forwarded(rejected=(f"{header}:bad_encoding",))


@pytest.mark.parametrize("header", [USER, EMAIL, ADDRESS, REQUEST])
def test_joined_by_a_server(header: str) -> None:
    good = GOOD[header]
    assert one(header, f"{good}, {good}") == good
    assert one(header, f"{good},{good}1") == "!duplicate"
    assert one(header, f"{good},") == good


def test_a_name_may_hold_a_comma() -> None:
    assert one(NAME, "Lovelace, Ada") == "Lovelace, Ada"


@pytest.mark.parametrize("text", ["Žofie Nováková", "李 雷", "Ægir", "🙂", "José"])
def test_names_in_utf8(text: str) -> None:
    assert one(NAME, text.encode()) == text
    assert one(NAME, text.encode().decode("latin-1")) == text  # WSGI: PEP 3333


def test_text_that_was_decoded_already() -> None:
    assert one(NAME, "李 雷") == "李 雷"


@pytest.mark.parametrize(
    "text",
    [
        "ada",
        "@",
        "a@",
        "@b",
        "a@b@c",
        "a b@example.com",
        "<a@example.com>",
        '"a"@example.com',
        "a;b@c",
        "a" * 65 + "@b",
    ],
)
def test_an_email_that_is_none(text: str) -> None:
    assert one(EMAIL, text) == "!malformed"


@pytest.mark.parametrize(
    "text", ["ada@example.com", "a.b+c@sub.example.co", "ž@příklad.cz", "o'neil@example.com", "a@b"]
)
def test_an_email(text: str) -> None:
    assert one(EMAIL, text.encode()) == text


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("2001:0db8:0:0:0:0:0:1", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::1", "::1"),
        ("fe80::1%eth0", "!malformed"),
        ("fe80::1%any text at all", "!malformed"),
        ("[::1]", "!malformed"),
        ("10.0.0.1:443", "!malformed"),
        ("010.0.0.1", "!malformed"),
        ("10.0.0.256", "!malformed"),
        ("10.0.0", "!malformed"),
        ("localhost", "!malformed"),
        ("unknown", "!malformed"),
        ("10.0.0.1, 10.0.0.2", "!duplicate"),
    ],
)
def test_addresses(text: str, outcome: str) -> None:
    assert one(ADDRESS, text) == outcome


@pytest.mark.parametrize("text", ["a b", "a;b", "ž", "<script>", "a'b", "{}"])
def test_a_request_id_that_is_none(text: str) -> None:
    assert one(REQUEST, text.encode()) == "!malformed"


@pytest.mark.parametrize("text", ["a b", "a;b"])
def test_a_user_id_that_is_none(text: str) -> None:
    assert one(USER, text) == "!malformed"


def test_of_the_token_only_its_presence_is_kept() -> None:
    forwarded = from_values(x_forwarded_access_token=["canary-of-a-token"])
    assert forwarded == Forwarded(on_behalf_of=True)
    assert "canary" not in repr(forwarded)
    assert from_values(x_forwarded_access_token=[""]).on_behalf_of is False


def test_an_unreadable_token_is_none() -> None:
    def values(name: str) -> Sequence[str]:
        if name == TOKEN:
            raise ValueError
        return ()

    assert read(values) == Forwarded()


TEXTS = st.one_of(
    st.text(max_size=600),
    st.binary(max_size=600),
    st.text(alphabet="a@.,: %1\u0130\ud800\x00\n", max_size=400),
    st.sampled_from([*GOOD.values(), *(value.encode() for value in GOOD.values())]),
)
ANYTHING = st.one_of(TEXTS, st.none(), st.integers(), st.lists(st.integers(), max_size=2), st.floats())


@given(st.dictionaries(st.sampled_from([*FIELDS, TOKEN]), st.lists(ANYTHING, max_size=4)))
def test_whatever_headers_hold_the_outcome_is_defined(values: dict[str, list[Any]]) -> None:
    forwarded = read(lambda name: values.get(name, ()))
    for header, field in FIELDS.items():
        value = getattr(forwarded, field)
        assert value is None or (isinstance(value, str) and 0 < len(value) <= LONGEST[header])
        assert {unicodedata.category(character) for character in value or ""}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    assert all(entry.partition(":")[0] in FIELDS for entry in forwarded.rejected)
    assert all(entry.partition(":")[2] in REASONS for entry in forwarded.rejected)


@given(
    st.sampled_from([*FIELDS]),
    st.one_of(st.none(), st.integers(), st.text(), st.binary(), st.dictionaries(TEXTS, TEXTS)),
)
def test_whatever_a_reader_returns_the_outcome_is_defined(header: str, returned: Any) -> None:
    forwarded = read(lambda _: returned)
    assert isinstance(forwarded.on_behalf_of, bool)
    assert isinstance(getattr(forwarded, FIELDS[header]), str | None)


def test_time_is_linear() -> None:
    def seconds(size: int) -> float:
        hostile = ["a" * size, "@" * size, "a@" * (size // 2), "," * size, "1.," * (size // 3), "ž" * size, "::" * size]
        begin = time.perf_counter()
        for _ in range(20):
            for text in hostile:
                read(repeat([text, text.encode(), *([text] * 20)]))
        return time.perf_counter() - begin

    seconds(100)
    assert seconds(2000) < 100 * seconds(200) + 0.5


def test_a_name_may_be_written_with_joiners_and_an_address_may_not() -> None:
    name = "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627"
    sent = {"x-forwarded-preferred-username": [name.encode()], "x-forwarded-email": ["a\u200c@x.com".encode()]}
    found = read(lambda header: sent.get(header, []))
    assert found.name == name
    assert found.rejected == ("x-forwarded-email:control_character",)
