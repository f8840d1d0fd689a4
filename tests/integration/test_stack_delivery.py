# SPDX-License-Identifier: Apache-2.0
"""What an app sends to the collector can be looked up in Jaeger, Prometheus and Loki, also after a failure."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts.stack_lib.ports import Ports
from scripts.stack_lib.stack import Stack
from tests.support import otlp
from tests.support.stack import eventually, jaeger_trace, loki_query, prometheus_query

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

HOUR = 3600 * 10**9  # nanoseconds
INDEXED = {"service_name", "databricks_app_name", "databricks_workspace_id"}


def tags(span: Mapping[str, Any]) -> dict[str, Any]:
    return {tag["key"]: tag["value"] for tag in span["tags"]}


def test_a_span_arrives_in_jaeger_with_the_person_on_it(stack: Stack) -> None:
    trace_id = otlp.new_trace_id()
    request = {"http.route": "/orders", "http.response.status_code": 403}
    otlp.send_spans(stack.endpoints.otlp_http, "spans", [otlp.span(trace_id, attributes={**otlp.ADA, **request})])
    (span,) = eventually(lambda: jaeger_trace(stack, trace_id))
    found = tags(span)
    assert {name: found.get(name) for name in otlp.ADA} == otlp.ADA
    assert found["http.response.status_code"] == 403
    assert span["operationName"] == "GET /orders"
    assert [name for name in found if name.startswith("dbx_otel.")] == []


def test_a_span_can_be_searched_by_the_person(stack: Stack) -> None:
    trace_id = otlp.new_trace_id()
    otlp.send_spans(stack.endpoints.otlp_http, "search", [otlp.span(trace_id, attributes=otlp.ADA)])
    eventually(lambda: jaeger_trace(stack, trace_id))
    url = f"{stack.endpoints.jaeger}/api/traces"
    query = {"service": "search", "tags": '{"user.email":"ada@example.com"}'}
    found = requests.get(url, params=query, timeout=10).json()["data"]
    assert [trace["traceID"] for trace in found] == [trace_id]


def test_span_metrics_feed_the_monitor_of_jaeger(stack: Stack) -> None:
    otlp.send_spans(stack.endpoints.otlp_http, "monitor", [otlp.span(otlp.new_trace_id(), attributes=otlp.ADA)])
    calls = 'traces_span_metrics_calls_total{service_name="monitor"}'
    eventually(lambda: prometheus_query(stack, calls))
    eventually(lambda: {"service_name": "monitor"} in monitored(stack, "calls"))
    eventually(lambda: {"service_name": "monitor"} in monitored(stack, "latencies"))


def monitored(stack: Stack, what: str) -> list[dict[str, str]]:
    """Labels of what Jaeger's Monitor tab draws for the service `monitor`."""
    url = f"{stack.endpoints.jaeger}/api/metrics/{what}"
    query = {"service": "monitor", "quantile": "0.95", "spanKind": "server", "lookback": "600000"}
    answer = requests.get(url, params=query, timeout=10)
    assert answer.ok, answer.text
    return [{pair["name"]: pair["value"] for pair in metric["labels"]} for metric in answer.json()["metrics"]]


def test_no_person_and_no_trace_becomes_a_label_of_a_metric(stack: Stack) -> None:
    trace_id = otlp.new_trace_id()
    otlp.send_spans(stack.endpoints.otlp_http, "labels", [otlp.span(trace_id, attributes=otlp.ADA)])
    (series,) = eventually(lambda: prometheus_query(stack, 'traces_span_metrics_calls_total{service_name="labels"}'))
    assert not set(otlp.ADA.values()) & set(series["metric"].values())
    assert trace_id not in series["metric"].values()


def test_a_metric_arrives_in_prometheus_with_its_app_and_an_exemplar(stack: Stack) -> None:
    trace_id, start = otlp.new_trace_id(), time.time_ns()
    durations = otlp.request_durations({("/orders", 200): 5}, start=start, trace_id=trace_id)
    otlp.send_metrics(stack.endpoints.otlp_http, "metrics", [durations])
    name = "http_server_request_duration_seconds"
    (series,) = eventually(lambda: prometheus_query(stack, f'{name}_count{{service_name="metrics"}}'))
    assert series["value"][1] == "5"
    labels = series["metric"]
    assert labels["service_instance_id"] == "metrics-1"
    assert labels["databricks_app_name"] == "metrics"
    assert labels["databricks_workspace_id"] == "4711"
    assert labels["http_route"] == "/orders"
    answer = requests.get(
        f"{stack.endpoints.prometheus}/api/v1/query_exemplars",
        params={
            "query": f'{name}_bucket{{service_name="metrics"}}',
            "start": str(start / 1e9 - 60),
            "end": str(time.time() + 60),
        },
        timeout=10,
    )
    (found,) = answer.json()["data"]
    assert found["exemplars"][0]["labels"]["trace_id"] == trace_id


def test_a_log_record_arrives_in_loki_with_the_person_and_the_name_of_its_event(stack: Stack) -> None:
    trace_id = otlp.new_trace_id()
    record = otlp.log("denied", trace_id=trace_id, event_name="security.authz.fail", attributes=otlp.ADA)
    otlp.send_logs(stack.endpoints.otlp_http, "logs", [record])
    (stream,) = eventually(lambda: loki_query(stack, f'{{service_name="logs"}} | trace_id="{trace_id}"'))
    found = stream["stream"]
    assert stream["values"][0][1] == "denied"
    assert {name: found.get(name.replace(".", "_")) for name in otlp.ADA} == otlp.ADA
    assert found["event_name"] == "security.authz.fail"


def test_only_the_app_names_a_stream_of_loki(stack: Stack) -> None:
    record = otlp.log("one", trace_id=otlp.new_trace_id(), attributes=otlp.ADA)
    otlp.send_logs(stack.endpoints.otlp_http, "streams", [record], **otlp.ADA)
    eventually(lambda: loki_query(stack, '{service_name="streams"}'))
    url = f"{stack.endpoints.loki}/loki/api/v1/series"
    (series,) = requests.get(url, params={"match[]": '{service_name="streams"}'}, timeout=10).json()["data"]
    assert set(series) == INDEXED


def test_a_record_that_comes_hours_late_is_kept(stack: Stack) -> None:
    now = time.time_ns()
    otlp.send_logs(stack.endpoints.otlp_http, "late", [otlp.log("new", at=now)])
    eventually(lambda: loki_query(stack, '{service_name="late"} |= "new"'))
    otlp.send_logs(stack.endpoints.otlp_http, "late", [otlp.log("old", at=now - 20 * HOUR)])
    eventually(lambda: loki_query(stack, '{service_name="late"} |= "old"', minutes=24 * 60))


def test_an_app_seen_for_the_first_time_may_bring_records_of_weeks_ago(stack: Stack) -> None:
    otlp.send_logs(stack.endpoints.otlp_http, "backfill", [otlp.log("old", at=time.time_ns() - 20 * 24 * HOUR)])
    eventually(lambda: loki_query(stack, '{service_name="backfill"}', minutes=25 * 24 * 60))


@pytest.mark.parametrize("crash", [False, True], ids=["restart", "crash"])
def test_nothing_is_lost_while_all_backends_are_away_and_the_collector_restarts(
    own_stack: Stack, *, crash: bool
) -> None:
    backends = [own_stack.process(name) for name in ("jaeger", "prometheus", "loki")]
    collector = own_stack.process("collector")
    for backend in backends:
        backend.stop()
    trace_ids = [otlp.new_trace_id() for _ in range(50)]
    at, start = own_stack.endpoints.otlp_http, time.time_ns()
    for trace_id in trace_ids:
        otlp.send_spans(at, "queue", [otlp.span(trace_id, attributes=otlp.ADA)])
        otlp.send_logs(at, "queue", [otlp.log("kept", trace_id=trace_id)])
    otlp.send_metrics(at, "queue", [otlp.request_durations({("/", 200): 50}, start=start)])

    if crash:
        collector.kill()
    else:
        collector.stop()
    for process in (collector, *backends):
        process.start()
    own_stack.wait_until_ready()

    def logged() -> bool:
        streams = loki_query(own_stack, '{service_name="queue"}')
        return {stream["stream"]["trace_id"] for stream in streams} == set(trace_ids)

    eventually(logged, seconds=60)
    eventually(lambda: all(jaeger_trace(own_stack, trace_id) for trace_id in trace_ids), seconds=60)
    counted = eventually(
        lambda: prometheus_query(own_stack, 'http_server_request_duration_seconds_count{service_name="queue"}'),
        seconds=60,
    )
    assert counted[0]["value"][1] == "50"


def test_a_full_queue_turns_away_what_it_cannot_keep_and_keeps_what_it_took(tmp_path: Path) -> None:
    with Stack(tmp_path, Ports.free(), {"COLLECTOR_QUEUE_BYTES": "262144"}) as stack:
        stack.process("loki").stop()
        url = f"{stack.endpoints.otlp_http}/v1/logs"
        taken = 0
        while (answer := requests.post(url, json=large_record(taken), timeout=10)).ok:
            taken += 1
            assert taken < 1000, "the queue is never full"
        assert answer.status_code == 503, "an exporter tries that again"
        assert taken > 50
        stack.process("loki").start()
        stack.wait_until_ready()
        query = 'sum(count_over_time({service_name="full"}[1h]))'
        eventually(lambda: [s["values"][-1][1] for s in loki_query(stack, query)] == [str(taken)], seconds=60)


def large_record(number: int) -> otlp.Json:
    records = [otlp.log(f"{number} {'x' * 2000}")]
    return {"resourceLogs": [{"resource": otlp.resource("full"), "scopeLogs": [{"logRecords": records}]}]}
