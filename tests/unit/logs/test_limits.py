# SPDX-License-Identifier: Apache-2.0
import pytest

from dbx_otel.logs.limits import LogLimits, from_environment


@pytest.mark.parametrize(
    ("environ", "limits"),
    [
        ({}, (128, None)),
        ({"OTEL_ATTRIBUTE_COUNT_LIMIT": "5", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "9"}, (5, 9)),
        ({"OTEL_ATTRIBUTE_COUNT_LIMIT": "5", "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT": "7"}, (7, None)),
        ({"OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT": "0"}, (128, 0)),
    ],
)
def test_limits_of_the_environment(environ: dict[str, str], limits: tuple[int | None, int | None]) -> None:
    assert from_environment(environ) == limits


def test_a_bad_value_is_said_and_passed_over(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DBX_OTEL_RUN_SAID", raising=False)
    assert from_environment({"OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT": "many"}) == LogLimits()
    assert capfd.readouterr().err == (
        "dbx-otel: OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT is 'many'; allowed: a whole number from 0; used instead: 128\n"
    )


def test_what_is_within_the_limits_is_not_touched() -> None:
    given = {"a": 1, "b": {"c": [None]}}
    found, dropped = LogLimits().apply(given)
    assert found is given
    assert dropped == 0


def test_too_many_and_too_long() -> None:
    found, dropped = LogLimits(2, 3).apply({"a": "12345", "b": ["12345"], "c": 1})
    assert dropped == 1
    assert dict(found) == {"b": ("123",), "c": 1}
