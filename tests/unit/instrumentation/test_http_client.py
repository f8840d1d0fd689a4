# SPDX-License-Identifier: Apache-2.0
"""Client spans say nothing that lets in whoever reads them, and a call never fails by them."""

from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import urlparse

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry import context, propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util.http import redact_url

from dbx_otel.instrumentation import http_client, requests
from dbx_otel.instrumentation.http_client import Answer, Client, Request, redacted, server_of
from dbx_otel.instrumentation.http_server import method_of

_PIECES = st.sampled_from(
    [
        *(
            "http://",
            "https://",
            "//",
            "user:private@",
            "@",
            "host",
            "HOST.example",
            "[::1]",
            ":8080",
            ":x",
            ":99999999",
        ),
        *("/", "/a/b", ";p=1", "?", "?a=1", "&", "sig=private", "&sig=", "Signature=x", "AWSAccessKeyId=y", "%73ig=z"),
        *("X-Goog-Signature=w", "+", "%20", "%", "#", "#sig=1", "ä", "=", "&&", "design=1", "[", "]", "\\", "a@b"),
    ]
)
_URLS = st.lists(_PIECES, max_size=9).map("".join) | st.text(max_size=40)


@given(_URLS)
@example("http://user:private@host/?sig=a")
@example("http://host/?a=b%20c&Signature=x#f")
def test_urls_are_redacted_as_opentelemetry_does(url: str) -> None:
    assert redacted(url) == redact_url(url)


def test_links_of_signature_version_4_let_nobody_in() -> None:
    url = (
        "https://bucket/key?X-Amz-Date=1&X-Amz-Credential=AKIA%2F&X-Amz-Security-Token=private&X-Amz-Signature=private"
    )
    hidden = "X-Amz-Credential=REDACTED&X-Amz-Security-Token=REDACTED&X-Amz-Signature=REDACTED"
    assert redacted(url) == f"https://bucket/key?X-Amz-Date=1&{hidden}"


@given(_URLS)
@example("http://user:private@Host:80/x")
def test_the_server_is_whom_the_url_names(url: str) -> None:
    host: str | None = None
    port: int | None = None
    try:
        parts = urlparse(url)
        if parts.scheme:
            host = parts.hostname
            port = parts.port
    except ValueError:
        pass
    found = server_of(url)
    if found != (host, port):
        # Read more narrowly than by urllib, which strips and takes apart what no client sends.
        assert not urlparse_agrees(url)


def urlparse_agrees(url: str) -> bool:
    """Tell whether a URL is one that a client can send, which both must read alike."""
    try:
        parts = urlparse(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and url.startswith(f"{parts.scheme}://")


def test_credentials_are_not_kept() -> None:
    http_client._server.cache_clear()
    assert server_of("http://user:private@one.example:81/") == ("one.example", 81)
    assert http_client._server.cache_info().currsize == 1
    assert server_of("http://one.example:81/") == ("one.example", 81)
    assert http_client._server.cache_info().currsize == 1


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    made = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(made))
    monkeypatch.setattr(trace, "get_tracer", lambda name, *_, **__: provider.get_tracer(name))
    before = context.get_current()
    yield made
    assert context.get_current() == before


REQUEST = Request(method_of("GET"), "http://host/", "host", None)


class Unspeakable(Exception):  # noqa: N818 -- a stand-in
    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_an_exception_that_has_no_text_ends_the_span_all_the_same(exporter: InMemorySpanExporter) -> None:
    Client("shelf").begin(REQUEST, {}).fail(Unspeakable())
    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is trace.StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["error.type"] == "Unspeakable"


def test_an_answer_that_is_none_ends_the_span(exporter: InMemorySpanExporter) -> None:
    def headers() -> Any:
        raise RuntimeError("no headers")

    client = Client("shelf")
    client.begin(REQUEST, {}).end(None)
    client.begin(REQUEST, {}).end(Answer("text", object(), headers))  # type: ignore[arg-type]  # that is the case
    assert len(exporter.get_finished_spans()) == 2


def test_a_propagator_that_fails_does_not_stop_the_call(
    exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def inject(_: object) -> None:
        raise LookupError("no way to write it")

    monkeypatch.setattr(propagate, "inject", inject)
    Client("shelf").begin(REQUEST, {}).end(Answer(200, "1.1", dict[str, str]().items))
    (span,) = exporter.get_finished_spans()
    assert [event.name for event in span.events] == ["exception"]


def test_what_is_no_exception_is_no_failure_of_the_call(exporter: InMemorySpanExporter) -> None:
    Client("shelf").begin(REQUEST, {}).fail(KeyboardInterrupt())
    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is trace.StatusCode.UNSET
    assert not span.events


def test_bad_patterns_are_told_and_leave_everything_traced(
    exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DBX_OTEL_RUN_SAID", "")
    monkeypatch.setenv("OTEL_PYTHON_SHELF_EXCLUDED_URLS", "(")
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST", "[")
    client = Client("shelf")
    assert client.wants("http://host/(")
    assert client.request_headers is None
    assert capfd.readouterr().err.count("which is no list of regular expressions") == 2


class Session:
    """A stand-in for that of requests, whose `send` answers with whatever it is told to."""

    answer: Any = None

    def send(self, _: Any, **__: Any) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def library(answer: Any) -> Any:
    session = type("Session", (Session,), {"answer": answer, "send": Session.send})
    module: Any = ModuleType("requests")
    module.sessions = SimpleNamespace(Session=session)
    module.structures = SimpleNamespace(CaseInsensitiveDict=dict)
    requests.instrument(module)
    return session()


@pytest.mark.parametrize("answer", [None, "text", object(), SimpleNamespace(status_code="x", raw=None, headers=None)])
def test_stand_ins_that_answer_with_anything_go_through(answer: Any, exporter: InMemorySpanExporter) -> None:
    request = SimpleNamespace(url="http://host/", method="GET", headers={})
    assert library(answer).send(request) is answer
    assert len(exporter.get_finished_spans()) == 1
    assert "traceparent" in request.headers


@pytest.mark.parametrize(
    "request_", [None, "text", SimpleNamespace(), SimpleNamespace(url=None, method=None, headers=None)]
)
def test_what_is_no_request_goes_through_without_a_span(request_: Any, exporter: InMemorySpanExporter) -> None:
    assert library("answer").send(request_) == "answer"
    assert not exporter.get_finished_spans()


def test_exceptions_come_as_they_are(exporter: InMemorySpanExporter) -> None:
    error = OSError("gone")
    with pytest.raises(OSError, match="gone") as caught:
        library(error).send(SimpleNamespace(url="http://host/", method="GET", headers={}))
    assert caught.value is error
    assert len(exporter.get_finished_spans()) == 1


def test_an_exception_that_cannot_be_asked_comes_as_it_is(exporter: InMemorySpanExporter) -> None:
    class Odd(Exception):  # noqa: N818 -- a stand-in
        @property
        def response(self) -> Any:
            raise RuntimeError("there is none")

    with pytest.raises(Odd):
        library(Odd()).send(SimpleNamespace(url="http://host/", method="GET", headers={}))
    assert len(exporter.get_finished_spans()) == 1
