# SPDX-License-Identifier: Apache-2.0
"""One span and one context a request; that spans and metrics are contrib's is compared elsewhere."""

import asyncio
import contextvars
import gc
import types
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import context, trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import StatusCode

from dbx_otel import identity
from dbx_otel.instrumentation.asgi_server import Hook
from dbx_otel.settings import IdentityMode
from tests.unit.instrumentation.asgi_for_tests import ADA, Seen, call, scope, watched


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    with watched(monkeypatch) as found:
        yield found


class App:
    """An app without routes."""

    routes = ()

    def __init__(self, *messages: Any) -> None:
        self.messages = messages or (
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]},
            {"type": "http.response.body", "body": b"ok"},
        )
        self.contexts: list[context.Context] = []
        self.people: list[identity.Identity | None] = []

    async def __call__(self, _asked: Any, _receive: Any, send: Any) -> None:
        self.contexts.append(context.get_current())
        self.people.append(identity.current())
        for message in self.messages:
            if isinstance(message, BaseException):
                raise message
            await send(message)


def hooked(app: App, hook: Hook | None = None) -> Any:
    call_ = (hook or Hook("test")).wrap(App.__call__)
    return lambda asked, receive, send: call_(app, asked, receive, send)


def test_the_request_is_the_persons(seen: Seen) -> None:
    app = App()
    before = context.get_current()
    call(hooked(app), scope("/", *ADA))
    attributes = seen.attributes()
    assert attributes["user.email"] == "ada@example.com"
    assert attributes["client.address"] == "203.0.113.7"
    assert attributes["databricks.request.id"] == "r-1"
    assert attributes["databricks.on_behalf_of"] is True
    assert "client.port" not in attributes
    (person,) = app.people
    assert person is not None
    assert person.user["email"] == "ada@example.com"
    assert trace.get_current_span(app.contexts[0]).get_span_context() == seen.servers[0].get_span_context()
    assert context.get_current() is before
    assert "canary" not in repr(app.contexts) + seen.servers[0].to_json()


def test_without_a_proxy_the_client_is_the_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    with watched(monkeypatch, trusted=False) as seen:
        call(hooked(App()), scope("/", *ADA))
        assert (seen.attributes()["client.address"], seen.attributes()["client.port"]) == ("10.9.9.9", 4711)
        assert "user.email" not in seen.attributes()


@pytest.mark.parametrize("trusted", [True, False])
def test_off_hides_the_address(trusted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with watched(monkeypatch, trusted=trusted, mode=IdentityMode.OFF) as seen:
        call(hooked(App()), scope("/", *ADA))
        assert "client.address" not in seen.attributes()


def test_nothing_that_was_current_before_is_the_requests(seen: Seen) -> None:
    app = App()

    async def serve_two() -> None:
        with trace.get_tracer("app").start_as_current_span("around the server"):
            for headers in (ADA, []):
                await hooked(app)(scope("/", *headers), None, _swallow)

    asyncio.run(serve_two())
    assert [span.parent for span in seen.servers] == [None, None]
    assert [person.source for person in app.people if person is not None] == ["proxy_header", "none"]


async def _swallow(message: Any) -> None:
    pass


def test_what_outlives_the_request_works_for_nobody(seen: Seen) -> None:
    app = App()
    call(hooked(app), scope("/", *ADA))
    assert identity.current(identity.for_thread(app.contexts[0])) is None
    assert identity.current(app.contexts[0]) is not None  # a task that goes on is the person's


def test_an_app_inside_of_an_app_makes_no_second_span(seen: Seen) -> None:
    inner = hooked(App())

    class Outer(App):
        async def __call__(self, _asked: Any, _receive: Any, send: Any) -> None:
            await inner(dict(_asked), _receive, send)

    hook = Hook("outer").wrap(Outer.__call__)
    call(lambda *message: hook(Outer(), *message), scope())
    assert len(seen.spans) == 1


def test_the_span_ends_with_the_last_byte(seen: Seen) -> None:
    ended: list[int] = []
    app = App(
        {"type": "http.response.start", "status": 200, "headers": []},
        {"type": "http.response.body", "body": b"1", "more_body": True},
        {"type": "http.response.body", "body": b"2"},
        ValueError("afterwards"),
    )
    with pytest.raises(ValueError, match="afterwards"):
        call(hooked(app), scope(), lambda _: ended.append(len(seen.spans)))
    assert ended == [0, 0, 0]
    (span,) = seen.servers
    assert span.events == ()
    assert span.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ({"type": "http.response.trailers", "headers": []}, [0, 0, 0]),
        ({"type": "http.response.trailers", "headers": [], "more_trailers": True}, [0, 0, 0]),
    ],
)
def test_trailers_belong_to_the_response(last: Any, expected: list[int], seen: Seen) -> None:
    ended: list[int] = []
    app = App(
        {"type": "http.response.start", "status": 200, "headers": [], "trailers": True},
        {"type": "http.response.body", "body": b"1"},
        last,
    )
    call(hooked(app), scope(), lambda _: ended.append(len(seen.spans)))
    assert ended == expected
    assert len(seen.servers) == 1


def test_a_file_that_the_server_sends_by_itself_ends_the_span(seen: Seen) -> None:
    app = App(
        {"type": "http.response.start", "status": 200, "headers": []},
        {"type": "http.response.pathsend", "path": "/x"},
        ValueError("afterwards"),
    )
    with pytest.raises(ValueError, match="afterwards"):
        call(hooked(app), scope())
    assert seen.servers[0].events == ()


@pytest.mark.parametrize("error", [ValueError("boom"), asyncio.CancelledError()])
def test_exceptions_pass_and_are_recorded_if_they_are_errors(error: BaseException, seen: Seen) -> None:
    with pytest.raises(type(error)):
        call(hooked(App(error)), scope())
    (span,) = seen.servers
    assert len(span.events) == isinstance(error, Exception)
    assert (span.status.status_code is StatusCode.ERROR) == isinstance(error, Exception)


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def test_an_exception_that_cannot_be_written_passes_too(seen: Seen) -> None:
    with pytest.raises(UnspeakableError):
        call(hooked(App(UnspeakableError())), scope())
    assert len(seen.servers) == 1


def test_a_server_that_fails_to_send_is_told_to_the_app(seen: Seen) -> None:
    def fail(message: Any) -> None:
        raise OSError(message["type"])

    with pytest.raises(OSError, match=r"http\.response\.start"):
        call(hooked(App()), scope(), fail)
    assert seen.servers[0].status.description == "OSError: http.response.start"


@pytest.mark.parametrize("kind", ["lifespan", "something new"])
def test_what_is_no_request_passes(kind: str, seen: Seen) -> None:
    app = App({"type": "anything"})
    assert call(hooked(app), {"type": kind}) == [{"type": "anything"}]
    assert seen.spans == ()


def test_excluded_urls_get_no_span_but_the_person(monkeypatch: pytest.MonkeyPatch, seen: Seen) -> None:
    monkeypatch.setenv("OTEL_PYTHON_TEST_EXCLUDED_URLS", "/quiet")
    app, hook = App(), Hook("test")
    call(hooked(app, hook), scope("/quiet", *ADA))
    assert seen.spans == ()
    (person,) = app.people
    assert person is not None
    assert person.user["email"] == "ada@example.com"
    assert identity.current() is None
    call(hooked(app, hook), scope("/loud", *ADA, query_string=b"/quiet"))
    assert len(seen.servers) == 1


def test_nobody_talks_himself_out_by_his_host(monkeypatch: pytest.MonkeyPatch, seen: Seen) -> None:
    monkeypatch.setenv("OTEL_PYTHON_TEST_EXCLUDED_URLS", "^[a-z]+://[^/?#]+/_stcore/")
    hook = Hook("test")
    for host in (b"x/_stcore/", b"x\\_stcore", b"a@x/_stcore/", b"orders.example"):
        call(hooked(App(), hook), {**scope("/data"), "headers": [(b"host", host)]})
    assert len(seen.servers) == 4
    call(hooked(App(), hook), scope("/_stcore/stream"))
    assert len(seen.servers) == 4


@pytest.mark.parametrize(
    "headers", [[(b"traceparent", b"00-\xff-\x00-zz")], [(b"baggage", b"\xff=\xff,=,;;")], [(b"tracestate", b"x")]]
)
def test_bad_trace_headers_leave_a_trace_of_its_own(headers: Any, seen: Seen) -> None:
    call(hooked(App()), scope("/", *headers))
    assert seen.servers[0].parent is None


BYTES = st.binary(max_size=40)
NAMES = st.sampled_from(
    [b"host", b"user-agent", b"content-length", b"traceparent", b"baggage", b"x-forwarded-email", b"x-request-id"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    headers=st.lists(st.tuples(st.one_of(NAMES, BYTES), BYTES), max_size=6),
    path=st.text(max_size=20),
    query=BYTES,
    method=st.one_of(st.sampled_from(["GET", "get", ""]), st.text(max_size=10)),
    client=st.sampled_from([None, ("::1", 1), ("", 0)]),
    server=st.sampled_from([None, ("::1", 1), ("/run/app.socket", None)]),
    status=st.integers(min_value=100, max_value=599),
)
def test_whatever_is_sent_is_answered_and_recorded_once(seen: Seen, **sent: Any) -> None:
    before = len(seen.servers)
    asked = {
        **scope(),
        "headers": sent["headers"],
        "path": sent["path"],
        "query_string": sent["query"],
        "method": sent["method"],
        "client": sent["client"],
        "server": sent["server"],
    }
    answer = call(
        hooked(App({"type": "http.response.start", "status": sent["status"]}, {"type": "http.response.body"})), asked
    )
    assert [message["type"] for message in answer] == ["http.response.start", "http.response.body"]
    assert len(seen.servers) == before + 1
    assert (seen.servers[-1].attributes or {})["http.response.status_code"] == sent["status"]


@pytest.mark.parametrize("broken", [{"headers": [1]}, {"server": 5}, {"headers": None}])
def test_a_scope_that_is_none_is_the_apps_affair(broken: dict[str, Any], seen: Seen) -> None:
    assert len(call(hooked(App()), {**scope(), **broken})) == 2


class Unfriendly(SpanProcessor):
    def on_end(self, span: ReadableSpan) -> None:
        raise RuntimeError(span.name)


def test_a_processor_of_the_apps_that_fails_does_not_fail_the_request(seen: Seen) -> None:
    seen.provider.add_span_processor(Unfriendly())
    assert len(call(hooked(App()), scope())) == 2


@pytest.mark.parametrize("headers", [5, [5], None])
def test_websockets_with_headers_that_are_none_go_on(headers: Any, seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE", ".*")
    app = App({"type": "websocket.accept", "headers": headers}, {"type": "websocket.close"})
    assert len(call(hooked(app), {**scope(), "type": "websocket"})) == 2
    assert len(seen.servers) == 1


def test_a_response_that_is_none_is_the_servers_affair(seen: Seen) -> None:
    messages = [{"type": "http.response.start", "status": "many", "headers": 5}, {"type": "http.response.body"}]
    assert call(hooked(App(*messages)), scope()) == messages
    assert len(seen.servers) == 1


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_request_is_freed_when_it_has_been_served(seen: Seen, kind: str) -> None:
    class Body:
        """What a server may keep in the scope."""

    asked = scope("/", type=kind, extensions={"body": (body := Body())})
    kept, app = weakref.ref(body), hooked(App({"type": f"{kind}.close"}))
    gc.disable()
    try:
        call(app, asked)
        del asked, body
        assert kept() is None
    finally:
        gc.enable()
    assert len(seen.servers) == 1


@pytest.mark.parametrize("path", ["/quiet", "/loud"])
def test_a_request_that_is_dropped_leaves_no_complaint(
    path: str, seen: Seen, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def receive() -> None: ...

    @types.coroutine
    def send(_: Any) -> Iterator[None]:
        yield

    monkeypatch.setenv("OTEL_PYTHON_TEST_EXCLUDED_URLS", "/quiet")
    before = context.get_current()
    request = hooked(App(), Hook("test"))(scope(path), receive, send)
    contextvars.copy_context().run(request.send, None)
    request.close()
    assert context.get_current() is before
    assert not caplog.records
    assert len(seen.servers) == (path == "/loud")
