# SPDX-License-Identifier: Apache-2.0
"""Turns what starts cost into the tables of docs/benchmarks.md."""

import statistics
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.environments import BARE, OURS, VANILLA
from benchmarks.processes import Cost

_MOST_OF_THEIRS, _MOST_ADDED = 0.1, 0.04
"""The aims: a part of what OpenTelemetry's launcher adds, and seconds."""

Costs = Mapping[str, Mapping[str, Sequence[Cost]]]
"""By workload and launcher, one cost a round."""


def tables(costs: Costs) -> str:
    """Return the tables in Markdown.

    Args:
        costs: What was measured; all launchers of a workload have the same number of rounds.
    """
    return "\n".join([*_costs_table(costs), "", *_ratio_table(costs)])


def _costs_table(costs: Costs) -> Iterator[str]:
    yield "| | launcher | CPU ms | added CPU ms | wall ms | added wall ms |"
    yield "|---|---|---|---|---|---|"
    for workload, by_launcher in costs.items():
        for launcher, found in by_launcher.items():
            cells = [workload, f"`{launcher}`" if launcher != BARE else launcher]
            for index in (0, 1):
                added = _added(by_launcher, launcher, index)
                cells += [_range([cost[index] for cost in found]), "" if launcher == BARE else _range(added)]
            yield f"| {' | '.join(cells)} |"


def _ratio_table(costs: Costs) -> Iterator[str]:
    yield "| | added CPU, ours of theirs | added wall, ours of theirs | at most a tenth | added CPU at most 40 ms |"
    yield "|---|---|---|---|---|"
    for workload, by_launcher in costs.items():
        ratios = [
            statistics.median(_added(by_launcher, OURS, index)) / statistics.median(_added(by_launcher, VANILLA, index))
            for index in (0, 1)
        ]
        shares = " | ".join(f"{ratio:.0%}" for ratio in ratios)
        is_small = statistics.median(_added(by_launcher, OURS, 0)) <= _MOST_ADDED
        verdicts = " | ".join(
            "yes" if is_reached else "no" for is_reached in (max(ratios) <= _MOST_OF_THEIRS, is_small)
        )
        yield f"| {workload} | {shares} | {verdicts} |"


def _added(by_launcher: Mapping[str, Sequence[Cost]], launcher: str, index: int) -> list[float]:
    """Return what a launcher added over bare in the same round."""
    return [cost[index] - bare[index] for cost, bare in zip(by_launcher[launcher], by_launcher[BARE], strict=True)]


def _range(seconds: Sequence[float]) -> str:
    """Return the median and, in brackets, the least and the most, in milliseconds."""
    low, middle, high = (1000 * f(seconds) for f in (min, statistics.median, max))
    return f"{middle:.0f} ({low:.0f} to {high:.0f})"
