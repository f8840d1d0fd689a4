# SPDX-License-Identifier: Apache-2.0
"""httpx: one client span a request sent, each redirect's among them, with the trace context in its headers."""

import sys
from functools import wraps
from types import ModuleType
from typing import Any

from dbx_otel.instrumentation.http_client import Answer, Call, Client, Request
from dbx_otel.instrumentation.http_server import method_of

_CONTRIB = "opentelemetry.instrumentation.httpx"


def instrument(module: ModuleType) -> None:
    """Wrap what every request over the network passes; transports that send nothing make no spans.

    Args:
        module: `httpx`.
    """
    client = Client("httpx")
    sync, is_async = module.HTTPTransport, module.AsyncHTTPTransport
    sync.handle_request = _sync(client, sync.handle_request)
    is_async.handle_async_request = _async(client, is_async.handle_async_request)


def _sync(client: Client, original: Any) -> Any:
    @wraps(original)
    def handle_request(self: Any, request: Any) -> Any:
        call = _begin(client, self, request)
        if call is None:
            return original(self, request)
        try:
            response = original(self, request)
        except BaseException as error:
            call.fail(error)
            raise
        call.end(_answer(response))
        return response

    return handle_request


def _async(client: Client, original: Any) -> Any:
    @wraps(original)
    async def handle_async_request(self: Any, request: Any) -> Any:
        call = _begin(client, self, request)
        if call is None:
            return await original(self, request)
        try:
            response = await original(self, request)
        except BaseException as error:
            call.fail(error)
            raise
        call.end(_answer(response))
        return response

    return handle_async_request


def _begin(client: Client, transport: Any, request: Any) -> Call | None:
    """Begin a call, or return `None` where it gets no span. Never raises."""
    try:
        url = request.url
        text = str(url)
        if not client.wants(text) or _has_a_span_of_contrib(transport):
            return None
        more: dict[str, Any] = {}
        headers = request.headers
        if client.request_headers is not None:
            more.update(client.request_headers.attributes(_parts(headers)))
        return client.begin(Request(method_of(request.method), text, url.host, url.port), headers, more)
    except Exception:
        # What cannot be sent: httpx itself says what is wrong with it.
        return None


def _answer(response: Any) -> Answer | None:
    """Return what a response says, or `None` for what is none. Never raises."""
    try:
        version = response.http_version.removeprefix("HTTP/")
        return Answer(response.status_code, version, lambda: _parts(response.headers))
    except Exception:
        # A stand-in, as tests make them.
        return None


def _parts(headers: Any) -> list[tuple[str, str]]:
    """Return names with values, those of a list one by one."""
    return [(name, part) for name in headers for part in headers.get_list(name, split_commas=True)]


def _has_a_span_of_contrib(transport: Any) -> bool:
    """Tell whether the app has OpenTelemetry's instrumentation of httpx, or of this client, at work itself."""
    contrib: Any = sys.modules.get(_CONTRIB)
    if contrib is None:
        return False
    return bool(
        contrib.HTTPXClientInstrumentor().is_instrumented_by_opentelemetry
        or "handle_request" in vars(transport)
        or "handle_async_request" in vars(transport)
    )
