# SPDX-License-Identifier: Apache-2.0
"""The receiver of the benchmarks counts what has come, however it was sent."""

import asyncio
import gzip
import json
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from benchmarks.neighbours import Neighbours


def _post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def _talk(*requests: bytes) -> list[bytes]:
    """Return the answers' bodies over one connection."""

    async def talk() -> list[bytes]:
        server = await asyncio.start_server(Neighbours().serve, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            bodies = []
            for request in requests:
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                bodies.append(await reader.readexactly(int(head.split("content-length: ")[1].split("\r\n")[0])))
            writer.close()
            await writer.wait_closed()
        return bodies

    return asyncio.run(talk())


def _counts(*requests: bytes) -> Any:
    return json.loads(_talk(*requests, b"GET /counts HTTP/1.1\r\n\r\n")[-1])


_SPANS = ScopeSpans(spans=[Span(name="a"), Span(name="b")])
_TRACES = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[_SPANS])])
_LOG_RECORDS = ScopeLogs(log_records=[LogRecord(event_name="a")])
_LOGS = ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[_LOG_RECORDS])])


def test_what_has_come_is_counted() -> None:
    traces, logs = _TRACES.SerializeToString(), gzip.compress(_LOGS.SerializeToString())
    counts = _counts(_post("/v1/traces", traces), _post("/v1/logs", logs, "Content-Encoding: gzip"))
    assert counts == {"bytes": len(traces) + len(logs), "spans": 2, "log_records": 1, "requests": 2}


def test_chunks_are_put_together() -> None:
    traces = _TRACES.SerializeToString()
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (traces[:3], traces[3:], b""))
    chunked = b"POST /v1/traces HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    assert _counts(chunked)["spans"] == 2


@pytest.mark.parametrize("path", ["/v0.4/traces", "/info"])
def test_another_format_is_counted_in_bytes(path: str) -> None:
    assert _counts(_post(path, b"xyz")) == {"bytes": 3, "spans": 0, "log_records": 0, "requests": 1}


def test_what_was_counted_can_be_forgotten() -> None:
    assert _counts(_post("/v1/x", b"xyz"), b"GET /reset HTTP/1.1\r\n\r\n")["bytes"] == 0


def test_the_other_service_answers() -> None:
    assert _talk(b"GET /answer HTTP/1.1\r\n\r\n") == [b"ok"]
