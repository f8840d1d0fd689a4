# SPDX-License-Identifier: Apache-2.0
"""Flask by OpenTelemetry's instrumentation and by our hook: the same spans and metric points."""

import pytest

from tests.comparison.flask_corpus import RULES
from tests.comparison.harness import compare


def test_each_case_is_the_same() -> None:
    differing = {case: pair for case, pair in compare("flask_corpus").cases.items() if pair[0] != pair[1]}
    assert not differing


def test_the_corpus_is_large_enough() -> None:
    cases = compare("flask_corpus").cases
    assert len([case for case, (_, own) in cases.items() if any(s["kind"] == "SERVER" for s in own["spans"])]) >= 60


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_is_used(rule: object) -> None:
    assert getattr(rule, "name", None) in compare("flask_corpus").used
