# SPDX-License-Identifier: Apache-2.0
"""Calls by requests: methods, answers, redirects, failures and what keeps a call from getting a span."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from opentelemetry import baggage, context, trace

from tests.comparison.client_server import Server
from tests.comparison.harness import Rule
from tests.comparison.scope_rule import scope_rule

ENVIRONMENT = {
    "OTEL_PYTHON_REQUESTS_EXCLUDED_URLS": "/excluded,ex[a-z]+d2",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST": "x-captured.*,authorization",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE": "x-answer.*,set-cookie",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS": "authorization,set-cookie",
}
Cases = dict[str, Callable[[], object]]


def instrument(variant: str) -> None:
    """Instrument requests, and urllib3 below it, which must make no spans of its own."""
    import requests
    from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor

    if variant == "contrib":
        from opentelemetry.instrumentation.requests import RequestsInstrumentor

        RequestsInstrumentor().instrument()
    else:
        from dbx_otel.instrumentation import requests as own

        own.instrument(requests)
    URLLib3Instrumentor().instrument()


def _plain(session: Any, url: str) -> Cases:
    def call(method: str, path: str, **more: Any) -> Callable[[], object]:
        return lambda: session.request(method, f"{url}{path}", **more)

    cases = {
        "get": call("GET", "/"),
        "query": call("GET", "/?a=1&b=%20c#fragment"),
        "parameters": call("GET", "/", params={"a": "1", "b": ["2", "3"]}),
        "body": call("POST", "/", data=b"body"),
        "json": call("POST", "/", json={"a": 1}),
        "form": call("POST", "/", data={"a": "1"}),
        "headers": call("GET", "/headers", headers={"X-Captured-A": "1", "Authorization": "Bearer private"}),
        "user agent": call("GET", "/", headers={"User-Agent": "test agent"}),
        "no user agent": call("GET", "/", headers={"User-Agent": None}),
        "bot": call("GET", "/", headers={"User-Agent": "Bingbot/2.0"}),
        "test agent": call("GET", "/", headers={"User-Agent": "AlwaysOn"}),
        "credentials in the URL": lambda: session.get(f"{url}/".replace("//", "//user:private@")),
        "credentials beside it": call("GET", "/", auth=("user", "private")),
        "signed link": call("GET", "/?sig=private&x=%20y"),
        "signature with an encoded name": call("GET", "/?%73ig=private&x=1"),
        "other signatures": call("GET", "/?AWSAccessKeyId=a&Signature=b&X-Goog-Signature=c&z="),
        "similar to a signature": call("GET", "/?design=1&sign=2&sig"),
        "at sign in the path": call("GET", "/@user?x=a@b"),
        "long path": call("GET", "/a/b/c;d=1?x=1;y=2"),
        "path that is not ASCII": call("GET", "/ä ö?ü=ß"),
        "redirect": call("GET", "/redirect/1"),
        "three redirects": call("GET", "/redirect/3"),
        "redirect not followed": call("GET", "/redirect/1", allow_redirects=False),
        "post that is redirected": call("POST", "/redirect/1", data=b"x"),
        "stream": lambda: list(session.get(f"{url}/stream", stream=True).iter_content(2)),
        "stream that is left": lambda: session.get(f"{url}/stream", stream=True).close(),
        "old server": call("GET", "/old"),
        "excluded": call("GET", "/excluded"),
        "excluded by a pattern": call("GET", "/?excluded2"),
        "host by name": lambda: session.get(url.replace("127.0.0.1", "localhost")),
        "host in capitals": lambda: session.get(url.replace("127.0.0.1", "LOCALHOST")),
        "slow": call("GET", "/slow"),
    }
    for method in ("HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "QUERY", "BREW", "brew", "get"):
        cases[f"method {method}"] = call(method, "/")
    for code in (200, 201, 204, 299, 304, 400, 401, 403, 404, 429, 499, 500, 503, 599):
        cases[f"status {code}"] = call("GET", f"/status/{code}")
    return cases


def _failing(session: Any, url: str) -> Cases:
    import requests

    def failing(path: str, address: str = url, **more: Any) -> Callable[[], object]:
        def case() -> None:
            with suppress(requests.RequestException):
                session.get(f"{address}{path}", **more)
                raise AssertionError("it has not failed")

        return case

    def refused() -> None:
        # The port that the message names must be the same for both variants.
        with suppress(requests.RequestException):
            session.get("http://127.0.0.1:1/")

    class Unwilling(requests.adapters.BaseAdapter):
        def send(self, *_: Any, **__: Any) -> Any:
            raise SystemExit("unwilling")

        def close(self) -> None:
            """Nothing is open."""

    session.mount("unwilling://", Unwilling())

    def ended() -> None:
        with suppress(SystemExit):
            session.send(requests.Request("GET", "unwilling://there/").prepare())

    return {
        "nobody listens": refused,
        "connection dropped": failing("/drop"),
        "timeout": failing("/slow", timeout=0.05),
        "too many redirects": failing("/loop"),
        "no such scheme": failing("/", "nosuch://there"),
        "no such host": failing("/", "http://no-such-host.invalid"),
        "end of the process": ended,
        "status that is raised": lambda: suppress_raise(session, f"{url}/status/500"),
    }


def suppress_raise(session: Any, url: str) -> None:
    """Call, and raise for the status outside of the call."""
    import requests

    with suppress(requests.HTTPError):
        session.get(url).raise_for_status()


def _in_contexts(session: Any, url: str) -> Cases:
    from opentelemetry.instrumentation.utils import suppress_http_instrumentation, suppress_instrumentation

    def within(manager: Callable[[], Any]) -> Callable[[], object]:
        def case() -> None:
            with manager():
                session.get(url)

        return case

    @contextmanager
    def attached(ctx: context.Context) -> Iterator[None]:
        token = context.attach(ctx)
        try:
            yield
        finally:
            context.detach(token)

    unsampled = trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=True, trace_flags=trace.TraceFlags(0)))
    return {
        "in a span": within(lambda: trace.get_tracer("app").start_as_current_span("around")),
        "in a trace that is not sampled": within(lambda: attached(trace.set_span_in_context(unsampled))),
        "with baggage": within(lambda: attached(baggage.set_baggage("a", "b"))),
        "suppressed": within(suppress_instrumentation),
        "suppressed for HTTP": within(suppress_http_instrumentation),
        "suppressed by the API's key": within(lambda: attached(context.set_value("suppress_instrumentation", True))),
    }


def _special(session: Any, url: str) -> Cases:
    import requests
    import urllib3

    def hooked() -> None:
        inside: list[str] = []
        session.get(
            url, hooks={"response": lambda *_, **__: inside.append(str(trace.get_current_span().is_recording()))}
        )
        assert inside == ["True"]

    def prepared_by_hand() -> None:
        request = requests.PreparedRequest()
        request.method, request.url, request.hooks, request.headers = "GET", url, {}, None  # type: ignore[assignment]
        session.send(request)

    def unprepared() -> None:
        with suppress(ValueError):
            session.send(requests.Request("GET", url))

    return {
        "without a session": lambda: requests.get(url),
        "hook of the app's": hooked,
        "prepared by hand": prepared_by_hand,
        "not prepared": unprepared,
        "urllib3 by itself": lambda: urllib3.PoolManager().request("GET", url),
    }


@contextmanager
def cases() -> Iterator[Cases]:
    """Give the cases."""
    import requests

    with Server().serving() as server, requests.Session() as session:
        session.trust_env = False
        made = (part(session, server.url) for part in (_plain, _failing, _in_contexts, _special))
        yield {name: server.checked(case) for part in made for name, case in part.items()}


RULES: list[Rule] = [scope_rule("requests")]
