# SPDX-License-Identifier: Apache-2.0
"""The real collector takes what the transport sends, by both protocols, and says what it does not take."""

import gzip
from typing import Literal
from urllib.parse import urlsplit

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from dbx_otel.delivery.batch import Batch
from dbx_otel.delivery.outcome import Kind, Outcome
from dbx_otel.delivery.transport import Destination, Endpoint, Transport, make_transport
from dbx_otel.settings import Protocol
from scripts.stack_lib.stack import Stack
from tests.support import otlp
from tests.support.stack import eventually, jaeger_trace

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]


def request(trace_id: str) -> bytes:
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    attribute = resource.resource.attributes.add()
    attribute.key, attribute.value.string_value = "service.name", "transport"
    span = resource.scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = bytes.fromhex(trace_id), bytes.fromhex(otlp.new_span_id()), "sent"
    return message.SerializeToString()


def to(stack: Stack, protocol: Protocol, compression: Literal["gzip", "none"]) -> Transport:
    if protocol is Protocol.GRPC:
        target = urlsplit(stack.endpoints.otlp_grpc).netloc or stack.endpoints.otlp_grpc
        endpoint = Endpoint(target, protocol, insecure=True)
    else:
        endpoint = Endpoint(f"{stack.endpoints.otlp_http}/v1/traces")
    return make_transport(Destination("collector", {"traces": endpoint._replace(compression=compression)}))


@pytest.mark.parametrize("compression", ["gzip", "none"])
@pytest.mark.parametrize("protocol", Protocol)
def test_a_span_arrives(stack: Stack, protocol: Protocol, compression: Literal["gzip", "none"]) -> None:
    trace_id = otlp.new_trace_id()
    transport = to(stack, protocol, compression)
    assert transport.send(Batch("traces", gzip.compress(request(trace_id)), 1), 10) == Outcome(Kind.ACCEPTED)
    transport.close()
    (span,) = eventually(lambda: jaeger_trace(stack, trace_id))
    assert span["operationName"] == "sent"


@pytest.mark.parametrize("protocol", Protocol)
def test_what_is_no_request_is_refused_with_a_reason(stack: Stack, protocol: Protocol) -> None:
    transport = to(stack, protocol, "gzip")
    outcome = transport.send(Batch("traces", gzip.compress(b"\xff no protobuf"), 1), 10)
    transport.close()
    assert outcome.kind is Kind.REFUSED
    assert len(outcome.message) > len("HTTP 400: ")
