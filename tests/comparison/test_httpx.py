# SPDX-License-Identifier: Apache-2.0
"""httpx by OpenTelemetry's instrumentation and by our hook, both clients: the same spans and metric points."""

import os

import pytest

from tests.comparison.client_server import PORT_VARIABLE
from tests.comparison.harness import Comparison, Rule, compare
from tests.comparison.httpx_corpus import RULES
from tests.support.launched import free_port


@pytest.fixture(scope="module", params=["httpx_corpus", "httpx_async_corpus"])
def compared(request: pytest.FixtureRequest) -> Comparison:
    os.environ.setdefault(PORT_VARIABLE, str(free_port()))
    return compare(request.param)


def test_each_case_is_the_same(compared: Comparison) -> None:
    assert not {case: pair for case, pair in compared.cases.items() if pair[0] != pair[1]}


def test_the_corpus_is_large_enough(compared: Comparison) -> None:
    with_a_call = [
        case for case, (_, own) in compared.cases.items() if any(s["kind"] == "CLIENT" for s in own["spans"])
    ]
    assert len(with_a_call) >= 60


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_is_used(rule: Rule, compared: Comparison) -> None:
    assert rule.name in compared.used
