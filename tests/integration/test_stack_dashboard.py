# SPDX-License-Identifier: Apache-2.0
"""Every panel of every dashboard shows something once an app of ours has sent what such apps send.

Grafana itself does not run here: its variables are put into the queries as it would put them, and Prometheus and Loki
answer them.
"""

import itertools
import json
import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from scripts.stack_lib.paths import REPOSITORY
from scripts.stack_lib.stack import Stack
from tests.support import otlp
from tests.support.stack import eventually

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

FOLDER = REPOSITORY / "dashboards"
DASHBOARDS = sorted(FOLDER.glob("*.json"))
DATASOURCES = FOLDER / "provisioning" / "datasources" / "stack.yaml"
APP = "dashboard-app"
BOB = {**otlp.ADA, "user.id": "7002", "user.email": "bob@example.com", "user.name": "Bob"}
HASHED = {"user.hash": "9f2c41", "client.address": "198.51.100.9"}
REQUESTS = 600  # of one person, with a request id each: more than Loki's usual limit of series in a query


def read(path: Path) -> dict[str, Any]:
    dashboard: dict[str, Any] = json.loads(path.read_text())
    return dashboard


def queries(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for panel in read(path)["panels"]:
        for target in panel.get("targets", []):
            yield f"{path.stem}: {panel['title']} {target['refId']}", target


QUERIES = dict(itertools.chain.from_iterable(queries(path) for path in DASHBOARDS))


@pytest.fixture(scope="module")
def fed(stack: Stack) -> Stack:
    """The stack, after an app of ours has answered, denied and logged, and Prometheus has scraped the collector."""
    at, start = stack.endpoints.otlp_http, time.time_ns()
    for round_ in range(1, 5):
        trace_id = otlp.new_trace_id()
        counts = {("/orders", 200): 20 * round_, ("/orders", 403): 2 * round_, ("/me", 401): round_}
        otlp.send_metrics(at, APP, [otlp.request_durations(counts, start=start, trace_id=trace_id)])
        for who in (otlp.ADA, BOB, HASHED):
            request = {**who, "databricks.request.id": f"denied-{round_}", "http.route": "/orders"}
            denied = {**request, "http.response.status_code": 403, "audit.outcome": "failure"}
            otlp.send_spans(at, APP, [otlp.span(trace_id, attributes=denied)])
            event = otlp.log("no grant", trace_id=trace_id, event_name="security.authz.fail", attributes=denied)
            leak = otlp.log("calling with dapi" + "0123456789abcdef" * 2, trace_id=trace_id, attributes=request)
            otlp.send_logs(at, APP, [event, leak])
        time.sleep(1)
    otlp.send_logs(
        at,
        APP,
        [
            otlp.log("listed", attributes={**otlp.ADA, "databricks.request.id": f"listed-{number}"})
            for number in range(REQUESTS)
        ],
    )
    return stack


def filled_in(query: str, person: str = "") -> str:
    """The query with Grafana's variables replaced as Grafana does."""
    values = {
        "${person:regex}": re.escape(person).replace("\\", "\\\\"),
        "$app": APP,
        "$__rate_interval": "1m",
        "$__range": "1h",
        "$__auto": "1m",
    }
    for name, value in values.items():
        query = query.replace(name, value)
    assert "$" not in query, f"a variable that the test does not know: {query}"
    return query


def answer(stack: Stack, target: dict[str, Any], person: str = "") -> list[dict[str, Any]]:
    query = filled_in(target["expr"], person)
    if target["datasource"]["type"] == "prometheus":
        url = f"{stack.endpoints.prometheus}/api/v1/query"
    else:
        kind = "query" if target["queryType"] == "instant" else "query_range"
        url = f"{stack.endpoints.loki}/loki/api/v1/{kind}"
    response = requests.get(url, params={"query": query, "limit": "100"}, timeout=20)
    assert response.ok, f"{query}: {response.text}"
    result: list[dict[str, Any]] = response.json()["data"]["result"]
    return result


def by_label(result: list[dict[str, Any]], label: str) -> dict[str, float]:
    return {series["metric"][label]: float(series["value"][1]) for series in result}


def query_of(title: str) -> dict[str, Any]:
    (found,) = [target for name, target in QUERIES.items() if name == f"security-overview: {title}"]
    return found


@pytest.mark.parametrize("name", QUERIES)
def test_a_panel_shows_something(fed: Stack, name: str) -> None:
    result = eventually(lambda: answer(fed, QUERIES[name]), seconds=45)
    values = [series["value"][1] for series in result if "value" in series]
    assert "NaN" not in values, values


def test_the_denied_are_counted_by_person(fed: Stack) -> None:
    expected = {"ada@example.com": 4.0, "bob@example.com": 4.0, "9f2c41": 4.0}
    target = query_of("Most denied people A")
    eventually(lambda: by_label(answer(fed, target), "person") == expected)


def test_requests_are_counted_by_person_however_many_there_are(fed: Stack) -> None:
    target = query_of("Requests by person A")
    expected = {"ada@example.com": 4.0 + REQUESTS, "bob@example.com": 4.0, "9f2c41": 4.0}

    def counted() -> bool:
        found = by_label(answer(fed, target), "person")
        return {name: found.get(name) for name in ("ada@example.com", "bob@example.com")} == {
            name: expected[name] for name in ("ada@example.com", "bob@example.com")
        }

    eventually(counted)


def test_a_person_can_be_picked_by_a_part_of_the_address(fed: Stack) -> None:
    target = query_of("Most denied people A")
    assert by_label(eventually(lambda: answer(fed, target, "ADA@example.c")), "person") == {"ada@example.com": 4.0}


def test_a_part_of_an_address_is_text_and_no_pattern(fed: Stack) -> None:
    assert answer(fed, query_of("Most denied people A"), "ada.example") == []


def test_the_list_of_denials_names_person_status_event_and_trace(fed: Stack) -> None:
    streams = eventually(lambda: answer(fed, query_of("Denied requests A")))
    lines = {line for stream in streams for _, line in stream["values"]}
    assert lines == {
        f"{who} 403 security.authz.fail /orders: no grant" for who in ("ada@example.com", "bob@example.com", "9f2c41")
    }
    assert all(re.fullmatch("[0-9a-f]{32}", stream["stream"]["trace_id"]) for stream in streams)


def test_the_routes_that_deny_are_told_apart(fed: Stack) -> None:
    result = eventually(lambda: answer(fed, query_of("Denials by app and route A")))
    found = {(series["metric"]["http_route"], series["metric"]["http_response_status_code"]) for series in result}
    assert found == {("/orders", "403"), ("/me", "401")}


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_one_that_grafana_can_provision(path: Path) -> None:
    dashboard = read(path)
    assert dashboard["uid"] == f"dbx-otel-{path.stem}"
    assert "id" not in dashboard
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    assert all(panel["title"] for panel in dashboard["panels"])


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_do_not_lie_on_one_another(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in read(path)["panels"]:
        at = panel["gridPos"]
        cells = set(itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def datasources() -> dict[str, dict[str, Any]]:
    return {one["uid"]: one for one in yaml.safe_load(DATASOURCES.read_text())["datasources"]}


def uids_in(value: Any) -> Iterator[tuple[str, str | None]]:
    """Every datasource named anywhere in a dashboard or a datasource, with its type where it is given."""
    if isinstance(value, dict):
        if "uid" in value and "type" in value and set(value) == {"uid", "type"}:
            yield value["uid"], value["type"]
        if "datasourceUid" in value:
            yield value["datasourceUid"], None
        for inner in value.values():
            yield from uids_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from uids_in(inner)


def test_every_datasource_that_is_named_is_provisioned() -> None:
    known = datasources()
    files: list[Any] = [read(path) for path in DASHBOARDS]
    files.append(list(known.values()))
    named = {found for file in files for found in uids_in(file)}
    assert {uid for uid, _ in named} == set(known)
    assert [one for one in named if one[1] is not None and one[1] != known[one[0]]["type"]] == []


def test_traces_logs_and_metrics_are_linked_in_both_directions() -> None:
    known = datasources()
    links = {(uid, to) for uid, one in known.items() for to, _ in uids_in(one["jsonData"])}
    jaeger, loki, prometheus = "dbx-otel-jaeger", "dbx-otel-loki", "dbx-otel-prometheus"
    assert links == {(jaeger, loki), (jaeger, prometheus), (loki, jaeger), (prometheus, jaeger)}


def test_the_query_from_a_span_to_its_logs_finds_them(fed: Stack) -> None:
    link = datasources()["dbx-otel-jaeger"]["jsonData"]["tracesToLogsV2"]
    trace_id = otlp.new_trace_id()
    otlp.send_logs(fed.endpoints.otlp_http, APP, [otlp.log("in this trace", trace_id=trace_id)])
    (tag,) = link["tags"]
    assert tag["key"] == "service.name"
    query = link["query"].replace("$$", "$")
    query = query.replace("${__tags}", f'{tag["value"]}="{APP}"').replace("${__trace.traceId}", trace_id)
    target = {"expr": query, "datasource": {"type": "loki"}, "queryType": "range"}
    (stream,) = eventually(lambda: answer(fed, target))
    assert stream["values"][0][1] == "in this trace"


def test_the_queries_from_a_span_to_its_metrics_find_them(fed: Stack) -> None:
    link = datasources()["dbx-otel-jaeger"]["jsonData"]["tracesToMetrics"]
    (tag,) = link["tags"]
    assert len(link["queries"]) == 2
    for one in link["queries"]:
        query = one["query"].replace("$$__tags", f'{tag["value"]}="{APP}"')
        target = {"expr": query, "datasource": {"type": "prometheus"}}
        eventually(partial(answer, fed, target))


def test_the_variable_app_lists_the_apps(fed: Stack) -> None:
    (variable,) = [one for one in read(DASHBOARDS[0])["templating"]["list"] if one["name"] == "app"]
    asked = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"])
    assert asked is not None
    metric, label = asked.groups()
    url = f"{fed.endpoints.prometheus}/api/v1/label/{label}/values"
    eventually(lambda: APP in requests.get(url, params={"match[]": metric}, timeout=10).json()["data"])
