# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import SpanLimits as SdkSpanLimits

from dbx_otel.tracing.limits import SpanLimits

VARIABLES = [
    "OTEL_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
]
ARGUMENTS = [
    "max_attributes",
    "max_events",
    "max_links",
    "max_span_attributes",
    "max_event_attributes",
    "max_link_attributes",
    "max_attribute_length",
    "max_span_attribute_length",
]


@given(
    st.dictionaries(st.sampled_from(VARIABLES), st.sampled_from(["", " ", "0", "7", " 12 "])),
    st.dictionaries(st.sampled_from(ARGUMENTS), st.sampled_from([None, -1, 0, 5])),
)
def test_they_are_the_sdks(environment: dict[str, str], arguments: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for variable in VARIABLES:
            patch.delenv(variable, raising=False)
        for variable, value in environment.items():
            patch.setenv(variable, value)
        assert vars(SpanLimits(**arguments)) == vars(SdkSpanLimits(**arguments))


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("value", ["many", "-1", "1.5", "1e3", "0x10"])
def test_a_bad_value_leads_to_a_line_and_the_default(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    defaults = vars(SpanLimits())
    monkeypatch.delenv("DBX_OTEL_RUN_SAID", raising=False)
    monkeypatch.setenv(variable, value)
    assert vars(SpanLimits()) == defaults
    said = capfd.readouterr().err
    instead = "no limit" if "LENGTH" in variable else "128"
    assert f"{variable} is '{value}'; allowed: a whole number from 0; used instead: {instead}\n" in said
