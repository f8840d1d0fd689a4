# SPDX-License-Identifier: Apache-2.0
"""What telemetry of an unchanged app looks like: one server span a request, stable names, no identity in metrics."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbx_otel.local.receiver import Receiver
from tests.support.launched import APPS, Launched, launched

FASTAPI = ["python", "-m", "uvicorn", f"{APPS}.fastapi_app:app", "--port", "{port}"]
STARLETTE = ["uvicorn", f"{APPS}.starlette_app:app", "--port", "{port}"]
PLATFORM = {
    "OTEL_RESOURCE_ATTRIBUTES": "workspace.id=1234567890,app.name=orders",
    "OTEL_SERVICE_NAME": "orders-by-platform",
    "OTEL_METRIC_EXPORT_INTERVAL": "500",
}
# Names that were in use before HTTP semantic conventions 1.23 made them stable.
OLD_NAMES = {
    *(
        "http.method",
        "http.status_code",
        "http.target",
        "http.url",
        "http.scheme",
        "http.host",
        "http.flavor",
    ),
    *(
        "net.host.name",
        "net.host.port",
        "net.peer.ip",
        "net.peer.port",
        "http.user_agent",
        "http.server_name",
    ),
}


@pytest.fixture(params=[FASTAPI, STARLETTE], ids=["fastapi", "starlette"])
def app(request: pytest.FixtureRequest, receiver: Receiver, otlp: dict[str, str], tmp_path: Path) -> Iterator[Launched]:
    with launched(request.param, tmp_path, {**otlp, **PLATFORM}) as running:
        running.wait_ready()
        yield running


def stopped(app: Launched, receiver: Receiver) -> str:
    time.sleep(0.3)
    app.stop(signal.SIGTERM)
    receiver.store.wait_quiet()
    return app.output()


def test_one_server_span_a_request(app: Launched, receiver: Receiver) -> None:
    for tag in ("a", "b", "c"):
        assert app.get(f"/async/{tag}", "ada").ok
    assert app.get("/nowhere", "ada").status_code == 404
    stopped(app, receiver)
    spans = receiver.store.spans()
    servers = [span for span in spans if span.kind == "server"]
    assert sorted(span.attributes["http.response.status_code"] for span in servers) == [200, 200, 200, 404]
    assert all(span.parent_span_id is None for span in servers)
    assert len({span.trace_id for span in servers}) == 4, "no endless trace around the server's command"
    others = [span for span in spans if span.kind != "server"]
    assert {span.scope.name for span in others} == {"app"}, [span.name for span in others]
    assert {span.trace_id for span in others} <= {span.trace_id for span in servers}


def test_names_are_stable_ones(app: Launched, receiver: Receiver) -> None:
    assert app.get("/async/a?x=1", "ada").ok
    stopped(app, receiver)
    (server,) = [span for span in receiver.store.spans() if span.kind == "server"]
    assert not OLD_NAMES & set(server.attributes)
    expected = {
        "http.request.method": "GET",
        "http.route": "/async/{tag}",
        "url.path": "/async/a",
        "url.scheme": "http",
    }
    assert expected.items() <= server.attributes.items()
    assert server.attributes["server.address"] == "127.0.0.1"
    assert server.attributes["server.port"] == app.port
    assert "network.peer.address" not in server.attributes, "the proxy's, or what a header claims"
    for point in receiver.store.metrics():
        assert not OLD_NAMES & set(point.attributes), point.name


def test_the_resource_says_app_workspace_instance_and_distribution(app: Launched, receiver: Receiver) -> None:
    assert app.get("/async/a", "ada").ok
    stopped(app, receiver)
    store = receiver.store
    resources = [record.resource for record in store.spans()]
    resources += [record.resource for record in store.logs()]
    resources += [point.resource for point in store.metrics()]
    for resource in resources:
        assert resource["service.name"] == "orders-by-platform"
        assert resource["workspace.id"] == "1234567890"
        assert resource["app.name"] == "orders"
        assert resource["databricks.app.name"] == "orders"
        assert resource["databricks.workspace.id"] == "1234567890"
        assert resource["telemetry.distro.name"] == "dbx-otel"
    assert len({resource["service.instance.id"] for resource in resources}) == 1


def test_metrics_tell_the_outcome_and_never_who(app: Launched, receiver: Receiver) -> None:
    assert app.get("/async/a", "ada").ok
    assert app.get("/nowhere", "bob").status_code == 404
    time.sleep(3)  # the process itself is observed once it has lived for a while
    stopped(app, receiver)
    points = receiver.store.metrics()
    durations = [point for point in points if point.name == "http.server.request.duration"]
    assert {point.attributes["http.response.status_code"] for point in durations} == {200, 404}
    assert all(point.unit == "s" for point in durations)
    traces = {span.trace_id for span in receiver.store.spans()}
    exemplars = [exemplar for point in durations for exemplar in point.exemplars]
    assert exemplars
    assert {exemplar.trace_id for exemplar in exemplars} <= traces
    text = repr(points)
    for secret in ("ada@", "bob@", "@1234567890", "10.0.", "canary"):
        assert secret not in text
    assert {"process.memory.usage", "process.cpu.time", "process.thread.count"} <= {point.name for point in points}


def test_the_token_leaves_by_no_way(app: Launched, receiver: Receiver) -> None:
    app.get("/async/a", "ada")
    output = stopped(app, receiver)
    records = [*receiver.store.spans(), *receiver.store.logs(), *receiver.store.metrics()]
    assert records
    assert "canary" not in repr(records) + output


def test_two_destinations_fail_each_on_its_own(receiver: Receiver, tmp_path: Path) -> None:
    dead = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    for protocol, endpoint in (("http/protobuf", receiver.http_endpoint), ("grpc", receiver.grpc_endpoint)):
        receiver.store.clear()
        second = {
            "DBX_OTEL_OTLP_ENDPOINT": endpoint,
            "DBX_OTEL_OTLP_PROTOCOL": protocol,
            "DBX_OTEL_EXIT_DEADLINE": "2",
        }
        with launched(FASTAPI, tmp_path, {**dead, **second}) as app:
            app.wait_ready()
            assert app.get("/async/a", "ada").ok
            output = stopped(app, receiver)
        assert [span for span in receiver.store.spans() if span.kind == "server"], output
        assert [record for record in receiver.store.logs() if record.body == "handler a"], output
        assert receiver.store.metrics(), output


def test_without_an_endpoint_nothing_is_sent_and_nothing_is_said_about_it(tmp_path: Path) -> None:
    with launched(FASTAPI, tmp_path) as app:
        app.wait_ready()
        assert app.get("/async/a", "ada").ok
        time.sleep(0.3)
        app.stop(signal.SIGTERM)
        assert "dbx-otel:" not in app.output()
        assert "opentelemetry" not in app.output()


def test_a_config_file_is_refused_clearly(receiver: Receiver, otlp: dict[str, str], tmp_path: Path) -> None:
    with launched(FASTAPI, tmp_path, {**otlp, "OTEL_CONFIG_FILE": "otel.yaml"}) as app:
        app.wait_ready()
        assert app.get("/async/a", "ada").ok
        output = stopped(app, receiver)
    assert output.count("OTEL_CONFIG_FILE is 'otel.yaml', which dbx-otel does not follow") == 1
    assert [span for span in receiver.store.spans() if span.kind == "server"]


def test_otel_sdk_disabled_is_honoured(receiver: Receiver, otlp: dict[str, str], tmp_path: Path) -> None:
    with launched(FASTAPI, tmp_path, {**otlp, "OTEL_SDK_DISABLED": "true"}) as app:
        app.wait_ready()
        assert app.get("/async/a", "ada").ok
        stopped(app, receiver)
    assert not receiver.store.spans()


def test_headers_are_not_believed_outside_an_app(receiver: Receiver, otlp: dict[str, str], tmp_path: Path) -> None:
    with launched(FASTAPI, tmp_path, {**otlp, "DATABRICKS_APP_NAME": ""}) as app:
        app.wait_ready()
        assert app.get("/async/a", "mallory").ok
        output = stopped(app, receiver)
    spans = receiver.store.spans()
    assert {span.attributes["databricks.identity.source"] for span in spans} == {"none"}
    assert "mallory" not in repr([*spans, *receiver.store.logs()]) + output


def test_hash_mode_gives_one_person_one_hash(receiver: Receiver, otlp: dict[str, str], tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("0123456789abcdef0123456789abcdef")
    hashes = []
    for _ in range(2):
        receiver.store.clear()
        environment = {**otlp, "DBX_OTEL_IDENTITY": "hash", "DBX_OTEL_IDENTITY_KEY_FILE": str(key)}
        with launched(FASTAPI, tmp_path, environment) as app:
            app.wait_ready()
            assert app.get("/async/a", "ada").ok
            assert app.get("/async/b", "bob").ok
            output = stopped(app, receiver)
        spans = [span for span in receiver.store.spans() if span.kind == "server"]
        hashes.append({span.attributes["url.path"]: span.attributes["user.hash"] for span in spans})
        seen = repr([*receiver.store.spans(), *receiver.store.logs()]) + output
        assert "@example.com" not in seen
        assert "@1234567890" not in seen
    assert hashes[0] == hashes[1]
    assert len(set(hashes[0].values())) == 2
