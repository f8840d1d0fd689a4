# SPDX-License-Identifier: Apache-2.0
"""Turns what requests cost into the tables of docs/benchmarks.md."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

BARE = "bare"
VANILLA = "`opentelemetry-instrument`"
_OURS = "`dbx-otel-run`"
_MOST_OF_THEIRS, _MOST_MEMORY = 0.25, 5e6
"""The aims: a part of what OpenTelemetry's launcher adds, and bytes."""


class Route(NamedTuple):
    """What one route took in one run: seconds, and counts for each request."""

    cpu: float
    median: float
    p99: float
    spans: float
    log_records: float
    wire_bytes: float


class Found(NamedTuple):
    """One run: its routes, and the memory at the end, in bytes."""

    routes: Mapping[str, Route]
    memory: int


Runs = Mapping[str, Sequence[Found]]
"""By variant, a run each round."""


def tables(found: Mapping[str, Runs]) -> str:
    """Return the tables in Markdown.

    Args:
        found: By server, all its runs; all variants have the same number of rounds.
    """
    return "\n".join(line for server, runs in found.items() for line in _server(server, runs))


def _server(server: str, runs: Runs) -> Iterator[str]:
    routes = list(runs[BARE][0].routes)
    for route in routes:
        yield from ("", f"#### {server}: {route}", "")
        yield "| | CPU µs a request | of bare | added µs | of theirs | median ms | p99 ms |"
        yield "|---|---|---|---|---|---|---|"
        for name in runs:
            yield _cost_row(runs, name, route)
    yield from ("", f"#### {server}: memory, and what is sent", "")
    yield f"| | memory MB | added MB | {' | '.join(f'{r}: spans, log records, bytes a request' for r in routes)} |"
    yield "|---|---|---|" + "---|" * len(routes)
    for name in runs:
        yield _sent_row(runs, name, routes)
    yield ""
    yield from _aims(runs, routes)


def _cost_row(runs: Runs, name: str, route: str) -> str:
    cpu = _each(runs[name], route, lambda each: each.cpu)
    bare = _each(runs[BARE], route, lambda each: each.cpu)
    cells = [name, _range(cpu, 1e6, 0), _range([one / other for one, other in zip(cpu, bare, strict=True)], 1, 2)]
    cells += (
        ["", ""] if name == BARE else [_range(_added(runs, name, route), 1e6, 0), f"{_share(runs, name, route):.0%}"]
    )
    cells += [_range(_each(runs[name], route, lambda each: each.median), 1e3, 1)]
    cells += [_range(_each(runs[name], route, lambda each: each.p99), 1e3, 1)]
    return f"| {' | '.join(cells)} |"


def _sent_row(runs: Runs, name: str, routes: Sequence[str]) -> str:
    memory = [each.memory for each in runs[name]]
    cells = [name, _range(memory, 1e-6, 1), "" if name == BARE else f"{_added_memory(runs, name) / 1e6:.1f}"]
    for route in routes:
        spans, logs, sent = (
            statistics.median(_each(runs[name], route, of))
            for of in (lambda each: each.spans, lambda each: each.log_records, lambda each: each.wire_bytes)
        )
        counted = f"{spans:.2f}, {logs:.2f}" if spans or not sent else "not counted, not counted"
        cells.append(f"{counted}, {sent:.0f}")
    return f"| {' | '.join(cells)} |"


def _aims(runs: Runs, routes: Sequence[str]) -> Iterator[str]:
    """Say for our variants what of the aims is reached."""
    yield "| | at most a quarter of what theirs adds | p99 at most twice bare's + 2 ms | at most 5 MB |"
    yield "|---|---|---|---|"
    for name in runs:
        if not name.startswith(_OURS):
            continue
        shares = [_share(runs, name, route) <= _MOST_OF_THEIRS for route in routes]
        tails = [_p99(runs, name, route) <= 2 * _p99(runs, BARE, route) + 0.002 for route in routes]
        verdicts = [*_said(shares, routes), *_said(tails, routes)]
        yield f"| {name} | {verdicts[0]} | {verdicts[1]} | {_yes(_added_memory(runs, name) <= _MOST_MEMORY)} |"


def _said(reached: Sequence[bool], routes: Sequence[str]) -> list[str]:
    return [", ".join(f"{route} {_yes(is_reached)}" for route, is_reached in zip(routes, reached, strict=True))]


def _yes(is_reached: bool) -> str:
    return "yes" if is_reached else "no"


def _each(runs: Sequence[Found], route: str, of: Callable[[Route], float]) -> list[float]:
    return [of(run.routes[route]) for run in runs]


def _added(runs: Runs, name: str, route: str) -> list[float]:
    """Return what a variant added over bare in the same round."""
    pairs = zip(runs[name], runs[BARE], strict=True)
    return [one.routes[route].cpu - bare.routes[route].cpu for one, bare in pairs]


def _share(runs: Runs, name: str, route: str) -> float:
    """Return which part of what OpenTelemetry's launcher added in the same round a variant added."""
    pairs = zip(_added(runs, name, route), _added(runs, VANILLA, route), strict=True)
    return statistics.median([ours / theirs for ours, theirs in pairs])


def _p99(runs: Runs, name: str, route: str) -> float:
    return statistics.median(_each(runs[name], route, lambda each: each.p99))


def _added_memory(runs: Runs, name: str) -> float:
    return statistics.median([one.memory - bare.memory for one, bare in zip(runs[name], runs[BARE], strict=True)])


def _range(values: Sequence[float], factor: float, digits: int) -> str:
    """Return the median and, in brackets, the least and the most."""
    low, middle, high = (f"{factor * of(values):.{digits}f}" for of in (min, statistics.median, max))
    return f"{middle} ({low} to {high})"
