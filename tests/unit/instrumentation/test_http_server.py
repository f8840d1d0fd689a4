# SPDX-License-Identifier: Apache-2.0
"""What is said of requests, and what is not shown; bad patterns are told and change nothing else."""

import pytest
from opentelemetry.util import http as contrib

from dbx_otel.instrumentation import http_server

METHODS = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "CONNECT",
    "OPTIONS",
    "TRACE",
    "PATCH",
    "QUERY",
    "get",
    "BREW",
    " GET",
]


@pytest.mark.parametrize("capture_all", ["", "1"])
@pytest.mark.parametrize("sent", METHODS)
def test_methods_are_called_as_contrib_calls_them(sent: str, capture_all: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_PYTHON_INSTRUMENTATION_HTTP_CAPTURE_ALL_METHODS", capture_all)
    method = http_server.method_of(sent)
    assert method.name == contrib.sanitize_method(sent.strip())
    assert method.original == (sent.strip() if sent.strip() != method.name else None)
    assert method.in_span_name == ("HTTP" if method.name == "_OTHER" else method.name)


@pytest.mark.parametrize("text", ["curl/8", "", "Googlebot/2.1", "x BINGBOT y", "AlwaysOn", "alwayson googlebot", "ä"])
def test_user_agents_are_known_as_contrib_knows_them(text: str) -> None:
    for header in (text, text.encode()):
        assert http_server.user_agent_of(header) == (text, contrib.detect_synthetic_user_agent(text))


def test_text_that_is_not_utf8_is_latin1() -> None:
    assert http_server.text_of(b"\xe4") == "ä"
    assert http_server.text_of("ä".encode()) == "ä"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("a=1&b=2", "a=1&b=2"),
        ("sig=s3cret", "sig=REDACTED"),
        ("a=1&Signature=s3cret&b=2", "a=1&Signature=REDACTED&b=2"),
        (
            "X-Amz-Security-Token=s3cret&X-Amz-Credential=s3cret%2F",
            "X-Amz-Security-Token=REDACTED&X-Amz-Credential=REDACTED",
        ),
        ("AWSAccessKeyId=s3cret&X-Goog-Signature=s3cret", "AWSAccessKeyId=REDACTED&X-Goog-Signature=REDACTED"),
        ("sig=&sig=s3cret", "sig=&sig=REDACTED"),
        ("signal=1&design=2&a=sig=3", "signal=1&design=2&a=sig=3"),
    ],
)
def test_signatures_are_not_shown(query: str, expected: str) -> None:
    assert http_server.redacted_query(query) == expected


REQUEST = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST"
RESPONSE = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE"
SANITIZE = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS"
HEADERS = [(b"x-one", b"1"), (b"x-one", b"2"), (b"cookie", b"s3cret"), (b"other", b"3"), (b"X-Upper", b"\xe4")]


def test_no_headers_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (REQUEST, RESPONSE):
        monkeypatch.delenv(variable, raising=False)
    assert http_server.captured_request_headers() is None
    monkeypatch.setenv(RESPONSE, " , ")
    assert http_server.captured_response_headers() is None


@pytest.mark.parametrize("wanted", ["X-One", "x-.*,COOKIE", ".*", "one", "x-one,,"])
@pytest.mark.parametrize("sanitized", ["", "cookie", "x", ".*"])
def test_headers_are_captured_as_by_contrib(wanted: str, sanitized: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUEST, wanted)
    monkeypatch.setenv(SANITIZE, sanitized)
    captured = http_server.captured_request_headers()
    assert captured is not None
    grouped: dict[str, list[str]] = {}
    for name, value in HEADERS:
        grouped.setdefault(name.decode(), []).append(http_server.text_of(value))
    expected = contrib.SanitizeValue(contrib.get_custom_headers(SANITIZE)).sanitize_header_values(
        grouped, contrib.get_custom_headers(REQUEST), contrib.normalise_request_header_name
    )
    assert captured.attributes(HEADERS) == expected
    assert captured.attributes([(name.decode(), http_server.text_of(value)) for name, value in HEADERS]) == expected


def test_a_bad_pattern_of_headers_shows_none(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DBX_OTEL_RUN_SAID", "")
    for bad in (REQUEST, SANITIZE):
        monkeypatch.setenv(REQUEST, ".*")
        monkeypatch.setenv(SANITIZE, "")
        monkeypatch.setenv(bad, "x,*")
        assert http_server.captured_request_headers() is None
        error = capfd.readouterr().err
        assert f"no headers are captured: {bad} is 'x,*', which is no list of regular expressions (" in error
        assert "Remedy: " in error


def test_excluded_urls_of_the_framework_win_over_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_PYTHON_EXCLUDED_URLS", "/general")
    monkeypatch.setenv("OTEL_PYTHON_FASTAPI_EXCLUDED_URLS", " /own , /other")
    fastapi, starlette = http_server.excluded_urls("FASTAPI"), http_server.excluded_urls("STARLETTE")
    assert fastapi is not None
    assert starlette is not None
    assert [bool(fastapi(f"http://x{path}")) for path in ("/own", "/other/1", "/general")] == [True, True, False]
    assert [bool(starlette(f"http://x{path}")) for path in ("/own", "/general")] == [False, True]
    monkeypatch.setenv("OTEL_PYTHON_FASTAPI_EXCLUDED_URLS", "")
    assert http_server.excluded_urls("FASTAPI") is None


def test_a_bad_pattern_excludes_nothing(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DBX_OTEL_RUN_SAID", "")
    monkeypatch.setenv("OTEL_PYTHON_FASTAPI_EXCLUDED_URLS", "(")
    assert http_server.excluded_urls("FASTAPI") is None
    assert "no URL is excluded: OTEL_PYTHON_FASTAPI_EXCLUDED_URLS is '('" in capfd.readouterr().err


@pytest.mark.parametrize("header", ["x/y", "x?y", "x#y", "a@x", "x\\y", "x y", "", None])
def test_a_host_that_would_change_the_url_is_not_taken(header: str | None) -> None:
    assert http_server.host_of(header, "127.0.0.1:8000") == "127.0.0.1:8000"


@pytest.mark.parametrize("header", ["orders.example", "orders.example:443", "[::1]:8000"])
def test_other_hosts_are(header: str) -> None:
    assert http_server.host_of(header, "127.0.0.1:8000") == header
