# SPDX-License-Identifier: Apache-2.0
"""requests: one client span a call, redirects included, with the trace context in its headers."""

from functools import wraps
from types import ModuleType
from typing import Any

from dbx_otel import semconv
from dbx_otel.instrumentation.http_client import Answer, Call, Client, Request, server_of
from dbx_otel.instrumentation.http_server import method_of, user_agent_of
from dbx_otel.instrumentation.suppression import HTTP_KEY


def instrument(module: ModuleType) -> None:
    """Wrap what every call of every session passes.

    Args:
        module: `requests`.
    """
    session = module.sessions.Session
    new_headers = module.structures.CaseInsensitiveDict
    original = session.send
    # urllib3, by which the call is made, and the calls that follow its redirects make no spans of their own.
    client = Client("requests", HTTP_KEY)

    @wraps(original)
    def send(self: Any, request: Any, **kwargs: Any) -> Any:
        call = _begin(client, request, new_headers)
        if call is None:
            return original(self, request, **kwargs)
        try:
            response = original(self, request, **kwargs)
        except BaseException as error:
            call.fail(error, _answer_with(error))
            raise
        call.end(_answer(response))
        return response

    session.send = send


def _begin(client: Client, request: Any, new_headers: Any) -> Call | None:
    """Begin a call, or return `None` where it gets no span. Never raises."""
    try:
        url = request.url
        if not client.wants(url):
            return None
        if request.headers is None:
            request.headers = new_headers()
        headers = request.headers
        host, port = server_of(url)
        more: dict[str, Any] = {}
        agent = headers.get("User-Agent")
        if agent:
            text, synthetic = user_agent_of(agent)
            more[semconv.USER_AGENT_ORIGINAL] = text
            if synthetic:
                more[semconv.USER_AGENT_SYNTHETIC_TYPE] = synthetic
        if client.request_headers is not None:
            more.update(client.request_headers.attributes(headers.items()))
        return client.begin(Request(method_of(request.method), url, host, port), headers, more)
    except Exception:
        # What cannot be sent: requests itself says what is wrong with it.
        return None


def _answer_with(error: BaseException) -> Answer | None:
    """Return what the response says that an exception is about, or `None` where it is about none. Never raises."""
    try:
        return _answer(getattr(error, "response", None))
    except Exception:
        # An adapter's own exception.
        return None


def _answer(response: Any) -> Answer | None:
    """Return what a response says, or `None` for what is none. Never raises."""
    try:
        version = getattr(response.raw, "version", None)
        # requests speaks HTTP/1 only, and its versions are those of http.client.
        text = ("1.1" if version == 11 else "1.0") if version else None  # noqa: PLR2004 -- 1.1 there
        return Answer(response.status_code, text, response.headers.items)
    except Exception:
        # A stand-in, as tests make them.
        return None
