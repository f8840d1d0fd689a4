# SPDX-License-Identifier: Apache-2.0
"""The SDK's own tracing tests pass with our provider in its place, but for those that are listed with a reason."""

import pytest

from scripts.upstream_lib.fetch import fetch
from scripts.upstream_lib.run import Outcome, expected, run, surprises


@pytest.mark.timeout(600)
def test_the_sdks_tests_go_as_expected() -> None:
    outcome = run(fetch())
    assert len(outcome.passed) > 250
    assert surprises(outcome) == []


def test_each_that_does_not_pass_has_a_reason() -> None:
    assert all(reason.endswith(".") and len(reason) > 40 for reason in expected().values())


def test_the_list_is_kept() -> None:
    listed = dict.fromkeys(expected(), "why")
    other = "tests/trace/test_trace.py::TestSpan::test_events"
    assert surprises(Outcome(frozenset({other}), listed)) == []
    assert surprises(Outcome(frozenset(), {**listed, other: "why"})) == [f"fails: {other}: why"]
    assert len(surprises(Outcome(frozenset(listed), {}))) == len(listed)
    assert len(surprises(Outcome(frozenset({other}), {}))) == len(listed)
