# SPDX-License-Identifier: Apache-2.0
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from dbx_otel.local.forest import Node, traces
from dbx_otel.local.records import LogRecord
from tests.unit.local.records_for_tests import TRACE, log, span


def shape(node: Node) -> object:
    name = node.record.body if isinstance(node.record, LogRecord) else node.record.name
    return (name, [shape(child) for child in node.children]) if node.children else name


def test_children_stand_under_their_parent_in_order_of_time() -> None:
    spans = [span("late", 3, 1, start=9), span("root", 1), span("early", 2, 1, start=4)]
    (trace,) = traces(spans, [log("between", 1, at=6), log("deep", 2, at=7)])
    assert [shape(root) for root in trace.roots] == [("root", [("early", ["deep"]), "between", "late"])]


def test_traces_are_told_apart_and_ordered_by_their_beginning() -> None:
    second, first = span("second", 2), span("first", 1, trace_id="0" * 31 + "1")
    assert [trace.trace_id for trace in traces([second, first])] == ["0" * 31 + "1", TRACE]


def test_log_records_outside_any_trace_are_left_out() -> None:
    assert traces([], [log("alone", None)]) == []


def test_a_span_whose_parent_did_not_arrive_is_a_root_that_says_so() -> None:
    (trace,) = traces([span("root", 1), span("lost", 3, 2)], [log("early", 7)])
    assert [(shape(root), root.parent_missing) for root in trace.roots] == [
        ("root", False),
        ("early", True),
        ("lost", True),
    ]


def test_a_log_record_of_the_trace_without_a_span_is_a_root() -> None:
    (trace,) = traces([], [log("x", None, trace_id=TRACE)])
    assert [(shape(root), root.parent_missing) for root in trace.roots] == [("x", False)]


def test_a_log_record_without_time_counts_from_when_it_was_observed() -> None:
    (trace,) = traces([span("root", 1)], [log("b", 1, at=5), log("a", 1, at=0, observed_ns=2_000_000)])
    assert [shape(child) for child in trace.roots[0].children] == ["a", "b"]


def test_a_ring_is_cut_open_and_nothing_of_it_is_lost() -> None:
    spans = [span("a", 1, 3), span("b", 2, 1), span("c", 3, 2), span("hanging", 4, 2)]
    (trace,) = traces(spans)
    assert shape(trace.roots[0]) == ("a", [("b", ["c", "hanging"])])
    assert len(trace.roots) == 1


def test_a_span_that_is_its_own_parent() -> None:
    (trace,) = traces([span("a", 1, 1)])
    assert [shape(root) for root in trace.roots] == ["a"]


def test_a_trace_nested_deeper_than_the_stack() -> None:
    depth = 5000
    (trace,) = traces([span(str(number), number, number - 1 or None) for number in range(1, depth + 1)])
    assert sum(1 for _ in trace.nodes()) == depth


@given(
    st.lists(st.tuples(st.integers(1, 8), st.none() | st.integers(0, 9)), max_size=20),
    st.lists(st.integers(0, 9), max_size=5),
)
def test_every_record_appears_exactly_once(links: list[tuple[int, int | None]], logs: list[int]) -> None:
    spans = [span(str(number), own, parent) for number, (own, parent) in enumerate(links)]
    records = [log(number, parent) for number, parent in enumerate(logs)]
    shown = Counter(id(node.record) for trace in traces(spans, records) for node in trace.nodes())
    assert shown == Counter(map(id, [*spans, *records]))
