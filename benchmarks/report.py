# SPDX-License-Identifier: Apache-2.0
"""Turns measured costs into the tables of docs/benchmarks.md."""

import statistics
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.processes import Cost

Costs = Mapping[str, Mapping[str, Sequence[Cost]]]
"""By workload and launcher, one cost a round."""

BARE = "bare"
VANILLA = "opentelemetry-instrument"
OURS = "dbx-otel-run"


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
    yield "| | added CPU, ours of theirs | added wall, ours of theirs | less than half |"
    yield "|---|---|---|---|"
    for workload, by_launcher in costs.items():
        ratios = [
            statistics.median(_added(by_launcher, OURS, index)) / statistics.median(_added(by_launcher, VANILLA, index))
            for index in (0, 1)
        ]
        shares = " | ".join(f"{ratio:.0%}" for ratio in ratios)
        yield f"| {workload} | {shares} | {'yes' if max(ratios) < 0.5 else 'no'} |"


def _added(by_launcher: Mapping[str, Sequence[Cost]], launcher: str, index: int) -> list[float]:
    """Return what a launcher added over bare in the same round."""
    return [cost[index] - bare[index] for cost, bare in zip(by_launcher[launcher], by_launcher[BARE], strict=True)]


def _range(seconds: Sequence[float]) -> str:
    """Return the median and, in brackets, the least and the most, in milliseconds."""
    low, middle, high = (1000 * f(seconds) for f in (min, statistics.median, max))
    return f"{middle:.0f} ({low:.0f} to {high:.0f})"
