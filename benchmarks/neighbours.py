# SPDX-License-Identifier: Apache-2.0
"""The services around the app that is measured, in one process: where telemetry goes, and what the app calls.

Telemetry is kept as it came and counted when asked for, so that it costs the machine nothing while the app works.
Run as `python -m benchmarks.neighbours`, it prints its port.
"""

import asyncio
import gzip
import json
import sys
from collections import Counter
from typing import NamedTuple

_OK = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b"
_TEXT, _PROTOBUF, _JSON = b"text/plain", b"application/x-protobuf", b"application/json"
OTHER_SERVICE = "/answer"
COUNTS = "/counts"
RESET = "/reset"


class _Received(NamedTuple):
    """A body as it came."""

    path: str
    is_compressed: bool
    body: bytes


class Neighbours:
    """Answers every request, and keeps those that are telemetry."""

    def __init__(self) -> None:
        self._received: list[_Received] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                body = await _body(head, reader)
                writer.write(self._answer(head.split(" ", 2)[1], "content-encoding: gzip" in head, body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, path: str, is_compressed: bool, body: bytes) -> bytes:
        if path == OTHER_SERVICE:
            return _OK % (_TEXT, 2, b"ok")
        if path == COUNTS:
            counts = json.dumps(self._counts()).encode()
            return _OK % (_JSON, len(counts), counts)
        if path == RESET:
            self._received.clear()
            return _OK % (_TEXT, 0, b"")
        self._received.append(_Received(path, is_compressed, body))
        is_otlp = path.startswith("/v1/")
        return _OK % ((_PROTOBUF, 0, b"") if is_otlp else (_JSON, 2, b"{}"))

    def _counts(self) -> dict[str, int]:
        """Return bytes as they came over the wire, and how many spans and log records were in them."""
        counts: Counter[str] = Counter(bytes=0, spans=0, log_records=0, requests=len(self._received))
        for received in self._received:
            counts["bytes"] += len(received.body)
            body = gzip.decompress(received.body) if received.is_compressed else received.body
            if received.path == "/v1/traces":
                counts["spans"] += _spans(body)
            elif received.path == "/v1/logs":
                counts["log_records"] += _log_records(body)
        return dict(counts)


def _spans(body: bytes) -> int:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest.FromString(body)
    return sum(len(of_scope.spans) for of_resource in request.resource_spans for of_scope in of_resource.scope_spans)


def _log_records(body: bytes) -> int:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    request = ExportLogsServiceRequest.FromString(body)
    return sum(
        len(of_scope.log_records) for of_resource in request.resource_logs for of_scope in of_resource.scope_logs
    )


async def _body(head: str, reader: asyncio.StreamReader) -> bytes:
    if "transfer-encoding: chunked" in head:
        chunks = []
        while size := int(await reader.readuntil(b"\r\n"), 16):
            chunks.append((await reader.readexactly(size + 2))[:-2])
        await reader.readuntil(b"\r\n")
        return b"".join(chunks)
    _, found, rest = head.partition("\r\ncontent-length:")
    return await reader.readexactly(int(rest.split("\r\n", 1)[0])) if found else b""


async def main() -> None:
    """Serve until standard input ends: as long as the benchmark runs."""
    neighbours = Neighbours()
    server = await asyncio.start_server(neighbours.serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
