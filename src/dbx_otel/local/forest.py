# SPDX-License-Identifier: Apache-2.0
"""Puts spans and log records that arrived in any order into one tree a trace."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from dbx_otel.local.records import LogRecord, SpanRecord


@dataclass(slots=True, eq=False)
class Node:
    """A span or a log record with what happened inside it, in order of time.

    Attributes:
        record: The span or log record.
        children: Spans begun and log records written inside the span.
        parent_missing: Whether the record names a parent span that is not among those given.
    """

    record: SpanRecord | LogRecord
    children: list["Node"] = field(default_factory=list)
    parent_missing: bool = False


@dataclass(slots=True)
class Trace:
    """One trace; `roots` has more than one node when spans between are missing."""

    trace_id: str
    roots: list[Node]

    def nodes(self) -> Iterator[Node]:
        """Yield every node, parents before children."""
        waiting = list(reversed(self.roots))
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))


def traces(spans: Iterable[SpanRecord], logs: Iterable[LogRecord] = ()) -> list[Trace]:
    """Group records by trace, in order of each trace's beginning.

    Log records outside any trace are left out. Each record appears once, whatever parents the spans claim: of
    a ring one becomes a root.
    """
    groups: dict[str, list[Node]] = {}
    records: list[SpanRecord | LogRecord] = [*spans, *logs]
    for record in records:
        if record.trace_id:
            groups.setdefault(record.trace_id, []).append(Node(record))
    found = [Trace(trace_id, _roots(sorted(nodes, key=_time_of))) for trace_id, nodes in groups.items()]
    return sorted(found, key=lambda trace: _time_of(trace.roots[0]))


def _roots(nodes: list[Node]) -> list[Node]:
    by_id: dict[str | None, Node] = {node.record.span_id: node for node in nodes if isinstance(node.record, SpanRecord)}
    roots = []
    for node in nodes:
        parent_id = _parent_id(node)
        parent = by_id.get(parent_id)
        if parent is None or parent is node:
            node.parent_missing = parent_id is not None
            roots.append(node)
        else:
            parent.children.append(node)
    return sorted(roots + _cut_rings(nodes, roots, by_id), key=_time_of)


def _parent_id(node: Node) -> str | None:
    record = node.record
    return record.parent_span_id if isinstance(record, SpanRecord) else record.span_id


def _cut_rings(nodes: list[Node], roots: list[Node], by_id: dict[str | None, Node]) -> list[Node]:
    """Make a root of one span of every ring; rings are what no root leads to."""
    reached = {id(node) for node in Trace("", roots).nodes()}
    cut = []
    for node in nodes:
        if id(node) not in reached:
            member = _ring_member(node, by_id)
            by_id[_parent_id(member)].children.remove(member)
            member.parent_missing = True
            cut.append(member)
            reached |= {id(inner) for inner in Trace("", [member]).nodes()}
    return cut


def _ring_member(node: Node, by_id: dict[str | None, Node]) -> Node:
    """Climb from a node that no root leads to until a node comes round again."""
    climbed: set[int] = set()
    while id(node) not in climbed:
        climbed.add(id(node))
        node = by_id[_parent_id(node)]
    return node


def _time_of(node: Node) -> int:
    record = node.record
    return record.start_ns if isinstance(record, SpanRecord) else record.time_ns or record.observed_ns
