# SPDX-License-Identifier: Apache-2.0
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbx_otel.local.terminal import Style, clean, fit, painter, wants_colour, width_of


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals_only() -> None:
    assert wants_colour(Terminal(), {"TERM": "xterm"})
    assert not wants_colour(io.StringIO(), {"TERM": "xterm"})


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"NO_COLOR": "0"}, {"TERM": "dumb"}])
def test_colour_can_be_declined(environ: dict[str, str]) -> None:
    assert not wants_colour(Terminal(), environ)


def test_an_empty_no_color_declines_nothing() -> None:
    assert wants_colour(Terminal(), {"NO_COLOR": ""})


def test_paint_styles_only_with_colour_and_something_to_style() -> None:
    assert painter(True)("no", Style.BAD) == "\x1b[31mno\x1b[0m"
    assert painter(True)("as it is", Style.PLAIN) == "as it is"
    assert painter(True)("", Style.BAD) == ""
    assert painter(False)("no", Style.BAD) == "no"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ünïcode 漢字 ok", "Ünïcode 漢字 ok"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("two\nlines\r\t", "two\\nlines\\r\\t"),
        ("abc\u202edcba", "abc\\u202edcba"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("lone \ud800", "lone \\ud800"),
        (7, "7"),
    ],
)
def test_what_could_steer_a_terminal_is_written_out(text: object, shown: str) -> None:
    assert clean(text) == shown


def test_width_counts_columns_and_not_letters() -> None:
    assert width_of("abc") == 3
    assert width_of("漢字") == 4
    assert width_of("e\u0301") == 1


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("abc", 5, "abc  "),
        ("abcdef", 4, "abc…"),
        ("漢字漢", 4, "漢… "),
        ("漢", 1, "…"),
        ("abc", 0, ""),
        ("abc", -3, ""),
    ],
)
def test_fit_cuts_and_pads(text: str, columns: int, shown: str) -> None:
    assert fit(text, columns) == shown


@given(st.text(), st.integers(1, 40))
def test_fitted_text_is_exactly_as_wide_as_asked(text: str, columns: int) -> None:
    fitted = fit(clean(text), columns)
    assert width_of(fitted) == columns
    assert fitted.isprintable()
