# SPDX-License-Identifier: Apache-2.0
"""The running stack for tests: `stack` starts it once a session, on free ports, with its data thrown away.

The fixtures are known to all tests (`tests/conftest.py`); mark what uses them
`pytest.mark.stack`. Programs that are not built yet are built first, which takes minutes once.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests

from scripts.stack_lib.ports import Ports
from scripts.stack_lib.stack import Stack

Found = TypeVar("Found")

QUICK = {"COLLECTOR_SPAN_METRICS_INTERVAL": "1s"}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The running stack; its addresses are in `stack.endpoints`, its parts in `stack.process(name)`."""
    with Stack(tmp_path_factory.mktemp("stack"), Ports.free(), QUICK) as running:
        yield running


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack of the test's own, for tests that end parts of it."""
    with Stack(tmp_path, Ports.free(), QUICK) as running:
        yield running


def eventually(look: Callable[[], Found | None], *, seconds: float = 30) -> Found:
    """What `look` finds, asked again until it finds something (anything true).

    Raises:
        AssertionError: it found nothing within `seconds`; the message shows the last answer.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{look} found nothing within {seconds:.0f} s, last answer: {found!r}")
        time.sleep(0.25)
    return found


def jaeger_trace(stack: Stack, trace_id: str) -> list[dict[str, Any]]:
    """Spans of a trace as Jaeger's API gives them, none while it knows no such trace."""
    answer = requests.get(f"{stack.endpoints.jaeger}/api/traces/{trace_id}", timeout=10)
    if answer.status_code == requests.codes.not_found:
        return []
    answer.raise_for_status()
    return [span for trace in answer.json()["data"] for span in trace["spans"]]


def prometheus_query(stack: Stack, query: str) -> list[dict[str, Any]]:
    """Series that an instant query gives now."""
    answer = requests.get(f"{stack.endpoints.prometheus}/api/v1/query", params={"query": query}, timeout=10)
    assert answer.ok, f"{query}: {answer.text}"
    result: list[dict[str, Any]] = answer.json()["data"]["result"]
    return result


def loki_query(stack: Stack, query: str, *, minutes: float = 60, limit: int = 1000) -> list[dict[str, Any]]:
    """Streams, or series for a metric query, of the last `minutes`; of the newest `limit` lines."""
    end = time.time_ns() + 10**9
    start = end - int(minutes * 60 * 10**9)
    step = max(1, round(minutes * 60 / 500))
    window = {"start": str(start), "end": str(end), "limit": str(limit), "step": str(step)}
    url = f"{stack.endpoints.loki}/loki/api/v1/query_range"
    answer = requests.get(url, params={"query": query, **window}, timeout=10)
    assert answer.ok, f"{query}: {answer.text}"
    result: list[dict[str, Any]] = answer.json()["data"]["result"]
    return result
