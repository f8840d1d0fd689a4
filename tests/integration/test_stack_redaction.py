# SPDX-License-Identifier: Apache-2.0
"""Secrets that an app let through end at the collector; what we need to know of a person does not."""

import json
import time
from pathlib import Path

import pytest
import requests

from scripts.stack_lib.stack import Stack
from tests.support import otlp
from tests.support.stack import eventually, jaeger_trace, loki_query, prometheus_query

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

HEX = "0123456789abcdef"
# Each value is made up, and cut in two so that no scanner takes this file for a leak.
SECRETS = {
    "databricks token": "dapi" + HEX * 2,
    "databricks token of an oauth kind": "dapi" + HEX[::-1] * 2 + "-2",
    "service principal secret": "dose" + HEX * 2,
    "json web token": "eyJhbGciOiJSUzI1NiJ9" + ".eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ",
    "encrypted json web token": "eyJlbmMiOiJBMjU2R0NNIn0" + ".a2V5.aXY.Y2lwaGVydGV4dA.dGFnZ2Vk",
    "bearer": "bearer-" + "7f3c9a1e5b2d4c6a8e0f",
    "basic": "YWRhOnNlc2FtZS1vcGVu" + "LXNlc2FtZQ==",
    "short basic": "YTpi" + "Yw==",
    "basic in raw headers": "dTpw" + "cHBwcA==",
    "password with a quote in json": "open" + '\\"' + "-sesame-1",
    "password in a printed dict": "open" + "-sesame-2",
    "password in a url": "hunter2" + "hunter2",
    "password in a dsn": "correct-horse" + "-battery",
    "client secret in json": "s3cr3t" + "-of-a-client",
    "token in a query string": "0pen" + "-sesame-0",
    "aws key": "AKIA" + "IOSFODNN7EXAMPLE",
    "google key": "AIza" + "SyA1234567890abcdefghijklmnopqrstuv",
    "azure account key": "q83vEjRWeJCrze8SNFZ4" + "kKvN7xI0VniQq83vEjRWeJA==",
    "signed url": "c2lnbmVk" + "dXJsc2lnbmF0dXJl",
    "github token": "ghp_" + "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ",
    "slack token": "xoxb-" + "123456789012-abcdefghijkl",
    "private key": "MIIEvQIBADANBgkqhkiG9w0B" + "AQEFAASCBKcw",
}
TEXTS = {
    "databricks token": "using {} now",
    "databricks token of an oauth kind": "({})",
    "service principal secret": "secret={}",
    "json web token": "token was {} and expired",
    "encrypted json web token": "got {}",
    "bearer": "sent Bearer {}",
    "basic": "sent basic {}",
    "short basic": "curl -H 'Authorization: Basic {}'",
    "basic in raw headers": "[(b'host', b'x'), (b'authorization', b'Basic {}')]",
    "password with a quote in json": '{{"user": "ada", "password": "{}"}}',
    "password in a printed dict": "{{'user': 'ada', 'password': '{}'}}",
    "password in a url": "postgresql://ada:{}@db.example.com:5432/orders",
    "password in a dsn": "host=db user=ada password={} dbname=orders",
    "client secret in json": '{{"grant_type": "client_credentials", "client_secret": "{}"}}',
    "token in a query string": "GET /callback?access_token={}&state=1",
    "aws key": "key {} in use",
    "google key": "key {} in use",
    "azure account key": "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={};EndpointSuffix=x",
    "signed url": "https://x.example.com/c/blob?sv=2022&sig={}",
    "github token": "cloned with {}",
    "slack token": "posted with {}",
    "private key": "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
}
LEAKS = {name: TEXTS[name].format(secret) for name, secret in SECRETS.items()}

HARMLESS = [
    "basic authentication failed for ada@example.com",
    "bearer of good news",
    "token: expired",
    "password must not be empty",
    "https://ada@example.com/path?sort=desc",
    "dapi is short for databricks api",
    "SELECT secret_name FROM main.ops.rotation WHERE owner = 'ada'",
    "2026-11-23T10:00:00Z 198.51.100.7:443 open",
    "main.sales.orders",
]

BLOCKED = {
    "http.request.header.authorization": ["Basic short"],
    "http.request.header.x-forwarded-access-token": ["opaque-0001"],
    "http.request.header.cookie": ["sid=opaque-0002"],
    "db.password": "opaque-0003",
    "client_secret": "opaque-0004",
    "clientSecret": "opaque-0005",
    "refresh_token": "opaque-0006",
    "api_key": "opaque-0007",
    "aws.secret_access_key": "opaque-0008",
}
KEPT = {
    **otlp.ADA,
    "gen_ai.usage.input_tokens": 12,
    "databricks.secret.scope": "prod",
    "databricks.principal.id": "e1b5c0de-0000-4000-8000-000000000001",
    "databricks.statement.id": "01ef-aaaa-bbbb",
    "databricks.data.read": ["main.sales.orders"],
    "security_rule.name": "many_denials",
    "http.route": "/orders/{id}",
    "url.path": "/orders/7",
}


def assert_no_secret(text: str) -> None:
    """Neither a planted secret nor a value under a blocked name, however often what holds it was put into JSON."""
    text = text.replace("\\", "")
    found = [name for name, secret in SECRETS.items() if secret.replace("\\", "") in text]
    assert found == [], f"{found} in {text[:2000]}"
    assert "opaque-" not in text, text[:2000]


def test_the_test_would_notice_every_planted_secret() -> None:
    for name, leak in LEAKS.items():
        with pytest.raises(AssertionError, match=name):
            assert_no_secret(leak)


@pytest.fixture(scope="module")
def sent(stack: Stack) -> dict[str, str]:
    """The trace of each leak, sent as one span and two log records that hold it in every place."""
    return {name: send_everywhere(stack.endpoints.otlp_http, leak) for name, leak in LEAKS.items()}


def send_everywhere(at: str, leak: str) -> str:
    trace_id = otlp.new_trace_id()
    held = {"note": leak, "list": ["a", leak], "map": {"inner": {"deep": leak}}, **BLOCKED}
    exception = otlp.attributes({"exception.message": leak})
    span = otlp.span(
        trace_id,
        name=leak,
        status={"code": otlp.ERROR, "message": leak},
        events=[{"timeUnixNano": str(time.time_ns()), "name": leak, "attributes": exception}],
        attributes=held,
    )
    otlp.send_spans(at, "leaky", [span], note=leak)
    records = [
        otlp.log(leak, trace_id=trace_id, attributes=held),
        otlp.log({"message": leak, "password": "opaque-0009"}, trace_id=trace_id, event_name=leak),
    ]
    otlp.send_logs(at, "leaky", records, note=leak)
    return trace_id


@pytest.mark.parametrize("name", LEAKS)
def test_a_secret_is_masked_wherever_a_span_can_hold_it(stack: Stack, sent: dict[str, str], name: str) -> None:
    trace_id = sent[name]
    (found,) = eventually(lambda: jaeger_trace(stack, trace_id))
    url = f"{stack.endpoints.jaeger}/api/traces/{trace_id}"
    whole = requests.get(url, timeout=10).json()
    assert_no_secret(json.dumps(whole))
    assert "****" in found["operationName"]
    tags = {tag["key"]: tag["value"] for tag in found["tags"]}
    assert "****" in tags["otel.status_description"]
    assert tags["redaction.masked.count"] >= 3 + len(BLOCKED)
    assert found["logs"], "the event is still there"


@pytest.mark.parametrize("name", LEAKS)
def test_a_secret_is_masked_wherever_a_log_record_can_hold_it(stack: Stack, sent: dict[str, str], name: str) -> None:
    query = f'{{service_name="leaky"}} | trace_id="{sent[name]}"'
    found = eventually(lambda: loki_query(stack, query))
    assert sum(len(stream["values"]) for stream in found) == 2
    assert_no_secret(json.dumps(found))
    assert all("****" in line for stream in found for _, line in stream["values"])


def test_a_secret_is_masked_in_what_names_a_series(stack: Stack) -> None:
    point = {"timeUnixNano": str(time.time_ns()), "asInt": "1"}
    points = [
        {**point, "attributes": otlp.attributes({"case": str(case), "note": leak})}
        for case, leak in enumerate(LEAKS.values())
    ]
    otlp.send_metrics(stack.endpoints.otlp_http, "leaky-metric", [{"name": "leaks", "gauge": {"dataPoints": points}}])

    def all_series() -> list[dict[str, object]] | None:
        series = prometheus_query(stack, 'leaks{service_name="leaky-metric"}')
        return series if len(series) == len(LEAKS) else None

    assert_no_secret(json.dumps(eventually(all_series)))


def test_names_and_values_that_we_need_stay(stack: Stack) -> None:
    trace_id = otlp.new_trace_id()
    at = stack.endpoints.otlp_http
    otlp.send_spans(at, "kept", [otlp.span(trace_id, attributes=KEPT)])
    otlp.send_logs(at, "kept", [otlp.log(text, trace_id=trace_id, attributes=KEPT) for text in HARMLESS])
    (span,) = eventually(lambda: jaeger_trace(stack, trace_id))
    tags = {tag["key"]: tag["value"] for tag in span["tags"]}
    expected = {name: json.dumps(value) if isinstance(value, list) else value for name, value in KEPT.items()}
    assert {name: tags.get(name) for name in KEPT} == expected
    assert "redaction.masked.count" not in tags
    assert span["operationName"] == "GET /orders"
    streams = eventually(lambda: loki_query(stack, f'{{service_name="kept"}} | trace_id="{trace_id}"'))
    assert sorted(line for stream in streams for _, line in stream["values"]) == sorted(HARMLESS)
    assert all("redaction_masked_count" not in stream["stream"] for stream in streams)


def test_no_secret_reaches_the_disk_of_the_collector(own_stack: Stack) -> None:
    own_stack.process("loki").stop()
    at = own_stack.endpoints.otlp_http
    otlp.send_logs(at, "disk", [otlp.log(leak, attributes={"note": leak}) for leak in LEAKS.values()])
    otlp.send_logs(at, "disk", [otlp.log("a line that is no secret")])
    own_stack.process("collector").stop()
    queues = [path.read_bytes() for path in Path(own_stack.data / "collector").rglob("*") if path.is_file()]
    assert any(b"a line that is no secret" in queue for queue in queues), "what waits for Loki is on disk"
    for queue in queues:
        assert [name for name, secret in SECRETS.items() if secret.encode() in queue] == []
    assert_no_secret((own_stack.data / "collector.log").read_text())
