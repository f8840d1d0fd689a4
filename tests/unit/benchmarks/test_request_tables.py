# SPDX-License-Identifier: Apache-2.0
"""What is added, and the parts of it, are taken within a round: rounds of a slow moment do not mix with others."""

from benchmarks.request_tables import BARE, VANILLA, Found, Route, tables

_OURS = "`dbx-otel-run`"


def _run(cpu: float, p99: float = 0.001, memory: int = 50_000_000, spans: float = 0.0, sent: float = 0.0) -> Found:
    return Found({"/ping": Route(cpu * 1e-6, 0.001, p99, spans, 0.0, sent)}, memory)


def _lines(ours: list[Found]) -> list[str]:
    bare = [_run(100), _run(200), _run(400)]
    theirs = [_run(500, sent=9), _run(600, sent=9), _run(1200, sent=9)]
    return tables({"FastAPI": {BARE: bare, VANILLA: theirs, _OURS: ours}}).splitlines()


def test_costs_beside_bare_and_theirs_of_the_same_round() -> None:
    lines = _lines([_run(180), _run(300), _run(480)])
    cost = next(line for line in lines if line.startswith(f"| {_OURS}"))
    assert cost.startswith(f"| {_OURS} | 300 (180 to 480) | 1.50 (1.20 to 1.80) | 80 (80 to 100) | 20% |")


def test_aims_that_are_reached() -> None:
    assert _lines([_run(180, spans=1, sent=9)] * 3)[-1] == f"| {_OURS} | /ping yes | /ping yes | yes |"


def test_aims_that_are_not_reached() -> None:
    slow = [_run(cpu, p99=0.0041, memory=56_000_000) for cpu in (201, 401, 801)]
    assert _lines(slow)[-1] == f"| {_OURS} | /ping no | /ping no | no |"


def test_spans_in_a_format_that_is_not_read_are_not_called_none() -> None:
    lines = _lines([_run(180, spans=1, sent=9)] * 3)
    (theirs,) = [line for line in lines if line.startswith(f"| {VANILLA}") and "not counted" in line]
    assert theirs.endswith("| not counted, not counted, 9 |")
