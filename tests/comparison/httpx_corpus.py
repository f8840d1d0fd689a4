# SPDX-License-Identifier: Apache-2.0
"""Calls by httpx: methods, answers, redirects, failures and what keeps a call from getting a span."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from opentelemetry import baggage, context, trace

from tests.comparison.client_server import Server
from tests.comparison.harness import Rule
from tests.comparison.recorder import Seen
from tests.comparison.scope_rule import scope_rule

ENVIRONMENT = {
    "OTEL_PYTHON_HTTPX_EXCLUDED_URLS": "/excluded,ex[a-z]+d2",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST": "x-captured.*,authorization",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE": "x-answer.*,set-cookie",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS": "authorization,set-cookie",
}
Cases = dict[str, Callable[[], object]]
Get = Callable[..., object]
"""Calls a path, or a whole URL, by a method; the further arguments are those of httpx."""


def instrument(variant: str) -> None:
    """Instrument httpx."""
    import httpx

    if variant == "contrib":
        from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

        HTTPXClientInstrumentor().instrument()
        return
    from dbx_otel.instrumentation import httpx as own

    own.instrument(httpx)


def plain(call: Get, url: str) -> Cases:
    """Return calls that are answered.

    Args:
        call: Makes one.
        url: Address of the server.
    """

    def case(method: str, path: str, **more: Any) -> Callable[[], object]:
        return lambda: call(method, path if "://" in path else f"{url}{path}", **more)

    made = {
        "get": case("GET", "/"),
        "query": case("GET", "/?a=1&b=%20c#fragment"),
        "parameters": case("GET", "/", params={"a": "1", "b": ["2", "3"]}),
        "body": case("POST", "/", content=b"body"),
        "json": case("POST", "/", json={"a": 1}),
        "form": case("POST", "/", data={"a": "1"}),
        "headers": case("GET", "/headers", headers={"X-Captured-A": "1, 2", "Authorization": "Bearer private"}),
        "repeated header": case("GET", "/headers", headers=[("X-Captured-A", "1"), ("X-Captured-A", "2")]),
        "user agent": case("GET", "/", headers={"User-Agent": "test agent"}),
        "credentials in the URL": case("GET", f"{url}/".replace("//127", "//user:private@127")),
        "credentials beside it": case("GET", "/", auth=("user", "private")),
        "signed link": case("GET", "/?sig=private&x=%20y"),
        "signature with an encoded name": case("GET", "/?%73ig=private&x=1"),
        "other signatures": case("GET", "/?AWSAccessKeyId=a&Signature=b&X-Goog-Signature=c&z="),
        "similar to a signature": case("GET", "/?design=1&sign=2&sig"),
        "at sign in the path": case("GET", "/@user?x=a@b"),
        "long path": case("GET", "/a/b/c;d=1?x=1;y=2"),
        "path that is not ASCII": case("GET", "/ä ö?ü=ß"),
        "redirect": case("GET", "/redirect/1", follow_redirects=True),
        "three redirects": case("GET", "/redirect/3", follow_redirects=True),
        "redirect not followed": case("GET", "/redirect/1"),
        "old server": case("GET", "/old"),
        "excluded": case("GET", "/excluded"),
        "excluded by a pattern": case("GET", "/?excluded2"),
        "host by name": case("GET", url.replace("127.0.0.1", "localhost")),
        "host in capitals": case("GET", url.replace("127.0.0.1", "LOCALHOST")),
        "slow": case("GET", "/slow"),
    }
    for method in ("HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "QUERY", "BREW", "brew", "get"):
        made[f"method {method}"] = case(method, "/")
    for code in (200, 201, 204, 299, 304, 400, 401, 403, 404, 429, 499, 500, 503, 599):
        made[f"status {code}"] = case("GET", f"/status/{code}")
    return made


def failing(call: Get, url: str) -> Cases:
    """Return calls that fail.

    Args:
        call: Makes one.
        url: Address of the server.
    """
    import httpx

    def case(address: str, **more: Any) -> Callable[[], object]:
        def run() -> None:
            with suppress(httpx.HTTPError):
                call("GET", address, **more)
                raise AssertionError("it has not failed")

        return run

    return {
        "nobody listens": case("http://127.0.0.1:1/"),
        "connection dropped": case(f"{url}/drop"),
        "timeout": case(f"{url}/slow", timeout=0.05),
        "too many redirects": case(f"{url}/loop", follow_redirects=True),
        "no such scheme": case("nosuch://there/"),
        "no such host": case("http://no-such-host.invalid/"),
    }


def in_contexts(call: Get, url: str) -> Cases:
    """Return calls inside of other spans, and where no telemetry is wanted.

    Args:
        call: Makes one.
        url: Address of the server.
    """
    from opentelemetry.instrumentation.utils import suppress_http_instrumentation, suppress_instrumentation

    def within(manager: Callable[[], Any]) -> Callable[[], object]:
        def run() -> None:
            with manager():
                call("GET", f"{url}/")

        return run

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


def _special(client: Any, url: str) -> Cases:
    import httpx

    def streamed() -> None:
        with client.stream("GET", f"{url}/stream") as response:
            assert trace.get_current_span() is trace.INVALID_SPAN
            assert b"".join(response.iter_bytes()) == b"onetwo"

    def left() -> None:
        with client.stream("GET", f"{url}/stream"):
            pass

    def by_a_transport_of_the_app() -> None:
        class Outer(httpx.HTTPTransport):
            def handle_request(self, request: Any) -> Any:
                request.headers["X-Outer"] = "1"
                return super().handle_request(request)

        with httpx.Client(transport=Outer()) as outer:
            outer.get(url)

    def by_a_transport_that_sends_nothing() -> None:
        with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as mocked:
            mocked.get(url)

    def mounted() -> None:
        with httpx.Client(mounts={"http://": httpx.HTTPTransport()}) as other:
            other.get(url)

    def hooked() -> None:
        seen: list[str] = []
        with httpx.Client(event_hooks={"request": [lambda request: seen.append(request.method)]}) as other:
            other.get(url)
        assert seen == ["GET"]

    def instrumented_by_hand() -> None:
        from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

        with httpx.Client(trust_env=False) as other:
            if not HTTPXClientInstrumentor().is_instrumented_by_opentelemetry:
                HTTPXClientInstrumentor.instrument_client(other)
            other.get(url)

    return {
        "without a client": lambda: httpx.get(url),
        "stream": streamed,
        "stream that is left": left,
        "transport of the app's": by_a_transport_of_the_app,
        "transport that sends nothing": by_a_transport_that_sends_nothing,
        "mounted transport": mounted,
        "event hooks": hooked,
        "instrumented by hand": instrumented_by_hand,
    }


@contextmanager
def cases() -> Iterator[Cases]:
    """Give the cases."""
    import httpx

    with Server().serving() as server, httpx.Client(trust_env=False) as client:
        made = (part(client.request, server.url) for part in (plain, failing, in_contexts))
        all_cases = [*(item for part in made for item in part.items()), *_special(client, server.url).items()]
        yield {name: server.checked(case) for name, case in all_cases}


def _scope(case: str, wanted: Seen, own: Seen) -> None:
    if case != "instrumented by hand":
        scope_rule("httpx").apply(case, wanted, own)


def _failures(case: str, wanted: Seen, own: Seen) -> None:
    """Add the duration of calls that have raised, whose spans contrib makes."""
    for span in wanted["spans"]:
        if span["kind"] != "CLIENT" or not span["events"]:
            continue
        labels = ("error.type", "http.request.method", "server.address", "server.port")
        attributes = {name: span["attributes"][name] for name in labels if name in span["attributes"]}
        naming = {"name": "http.client.request.duration", "unit": "s", "scope": span["scope"]}
        naming["description"] = "Duration of HTTP client requests."
        bounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
        told = {"count": 1, "value": None, "is_long": False, "bounds": bounds, "has_exemplar": True}
        wanted["points"].append({**naming, "attributes": attributes, **told})


RULES = [
    Rule("scope", scope_rule("httpx").reason, _scope),
    Rule(
        "failures",
        "calls that fail are measured, with `error.type` (semantic conventions, HTTP metrics); contrib's requests does",
        _failures,
    ),
]
