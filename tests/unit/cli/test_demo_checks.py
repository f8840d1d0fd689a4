# SPDX-License-Identifier: Apache-2.0
"""The demo's checks can fail: each promise is broken once."""

import json
from typing import Any

import pytest

from dbx_otel.cli.demo.checks import Seen, check
from dbx_otel.cli.demo.people import ADA, Visit, curl, proxy_headers
from dbx_otel.local.records import Batch
from dbx_otel.local.store import Store
from tests.unit.local.records_for_tests import TRACE, log, span

PERSON = {"user.email": ADA.email, "client.address": ADA.address}
VISIT = Visit(ADA, "/revenue", 403)
LINE = {
    "logger": "orders",
    "trace_id": TRACE,
    "user": {"email": ADA.email},
    "client": {"address": ADA.address},
}


def kept(
    status: int = 403,
    span_fields: dict[str, Any] | None = None,
    log_fields: dict[str, Any] | None = None,
    line: dict[str, Any] | None = None,
) -> list[bool]:
    attributes = PERSON | {"databricks.request.id": "r1", "http.response.status_code": 403} | (span_fields or {})
    store = Store()
    record = log("denied", attributes=PERSON | (log_fields or {}))
    store.add(Batch(spans=[span("GET /revenue", kind="server", attributes=attributes)], logs=[record]))
    output = ["started", json.dumps(LINE | (line or {})), "[1]"]
    return [not one.missing for one in check([Seen(VISIT, "r1", status)], store, output)]


def test_all_is_well() -> None:
    assert kept() == [True] * 5


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ({"status": 200}, [False, True, True, True, True]),
        ({"span_fields": {"user.email": "eve@example.com"}}, [True, False, True, True, True]),
        ({"span_fields": {"client.address": "127.0.0.1"}}, [True, False, True, True, True]),
        ({"span_fields": {"http.response.status_code": 200}}, [True, True, False, True, True]),
        ({"span_fields": {"databricks.request.id": "r2"}}, [True, False, False, False, False]),
        ({"log_fields": {"user.email": None}}, [True, True, True, False, True]),
        ({"line": {"user": {"email": "eve@example.com"}}}, [True, True, True, True, False]),
        ({"line": {"user": None}}, [True, True, True, True, False]),
        ({"line": {"trace_id": "0" * 32}}, [True, True, True, True, False]),
    ],
)
def test_each_promise_can_be_broken(broken: dict[str, Any], expected: list[bool]) -> None:
    assert kept(**broken) == expected


def test_what_is_missing_is_named() -> None:
    first = check([Seen(VISIT, "r1", 200)], Store(), [])[0]
    assert first.missing == ("ada@example.com GET /revenue",)


def test_the_headers_have_the_proxy_s_formats() -> None:
    headers = proxy_headers(ADA, "r1")
    user, _, workspace = headers["X-Forwarded-User"].partition("@")
    assert user.isdigit()
    assert workspace.isdigit()
    assert headers["X-Forwarded-Email"] == ADA.email


def test_the_curl_line_names_the_person_and_no_request_id() -> None:
    line = curl(VISIT, 8000)
    assert line.startswith("curl ")
    assert f"-H 'X-Forwarded-Email: {ADA.email}'" in line
    assert line.endswith("http://127.0.0.1:8000/revenue")
    assert "X-Request-Id" not in line
