# SPDX-License-Identifier: Apache-2.0
"""Where our hook of Flask differs from OpenTelemetry's instrumentation, and why."""

from typing import Any

from tests.comparison.harness import Rule
from tests.comparison.recorder import Seen
from tests.comparison.scope_rule import scope_rule


def _servers(seen: Seen) -> list[dict[str, Any]]:
    return [span for span in seen["spans"] if span["kind"] == "SERVER"]


def _host_alone(case: str, wanted: Seen, own: Seen) -> None:
    for span in _servers(wanted):
        attributes = span["attributes"]
        if "server.address" in attributes:
            address = attributes["server.address"]
            attributes["server.address"] = address.removesuffix(f":{attributes.get('server.port')}")


_PATHS = {"bare, mounted": "/mounted/path/a", "late failure": "/stream-boom", "in a span": "/child"}
_PATHS |= {"late failure in context": "/stream-context-boom", "failure that goes to the server": "/boom"}
_PATHS |= {"sub-domain": "/where", "other sub-domain": "/where", "dispatcher, its own": "/number/1"}
_PATHS |= {"dispatcher, mounted": "/mounted/number/1", "dispatcher, mounted, not found": "/mounted/none"}


def _path(case: str, wanted: Seen, own: Seen) -> None:
    for span in _servers(wanted):
        span["attributes"].setdefault("url.path", _PATHS.get(case, "/"))


def _signature(case: str, wanted: Seen, own: Seen) -> None:
    for span in _servers(wanted):
        if "sig=abc" in span["attributes"].get("url.query", ""):
            span["attributes"]["url.query"] = "sig=REDACTED&x=1"


_SCOPE = ["dbx_otel.instrumentation.flask", "https://opentelemetry.io/schemas/1.21.0"]
_HTML = {"http.response.header.content_type": ["text/html; charset=utf-8"]}
_INDEX: dict[str, Any] = {
    "http.request.method": "GET",
    "url.scheme": "http",
    "server.port": 8000,
    "url.path": "/",
    "network.protocol.version": "1.1",
    "http.route": "/",
}


def _span(attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a span of `/`."""
    usual = {"name": "GET /", "kind": "SERVER", "parent": None, "trace_id": None, "attributes": _INDEX | attributes}
    return {**usual, "status": "UNSET", "description": None, "events": [], "scope": _SCOPE, **more}


def _excluded(case: str, wanted: Seen, own: Seen) -> None:
    if case != "bare, query that reads like an excluded URL":
        return
    wanted["spans"].append(_span({"url.query": "healthz", "http.response.status_code": 200, **_HTML}))
    (active,) = wanted["points"]
    labels = {name: _INDEX[name] for name in ("http.request.method", "http.route", "network.protocol.version")}
    labels |= {"http.response.status_code": 200, "url.scheme": "http"}
    naming = {"name": "http.server.request.duration", "unit": "s", "description": "Duration of HTTP server requests."}
    bounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0]
    told = {"attributes": labels, "count": 1, "value": None, "is_long": False, "has_exemplar": True, "bounds": bounds}
    wanted["points"].append({**active, **naming, **told})


def _preprocessor(case: str, wanted: Seen, own: Seen) -> None:
    if case != "preprocessor that fails":
        return
    answered = {"http.response.status_code": 500, "error.type": "500"}
    thrown = {"exception.type": "RuntimeError", "exception.message": "second", "exception.escaped": "False"}
    event = {"name": "exception", "attributes": thrown}
    wanted["spans"].append(_span(answered | _HTML, status="ERROR", description="RuntimeError: second", events=[event]))
    for point in wanted["points"]:
        if point["name"] == "http.server.request.duration":
            point["attributes"] = dict(sorted((point["attributes"] | answered).items()))
            point["has_exemplar"] = True


def _separate_values(case: str, wanted: Seen, own: Seen) -> None:
    for span in _servers(wanted):
        if span["attributes"].get("http.response.header.x_answer_one") == ["1,2"]:
            span["attributes"]["http.response.header.x_answer_one"] = ["1", "2"]


def _own_context(case: str, wanted: Seen, own: Seen) -> None:
    if case not in {"app in an app", "in a span"}:
        return
    for span in wanted["spans"]:
        if span["kind"] == "INTERNAL" and span["scope"] == _SCOPE:
            span.update(kind="SERVER", parent=None)
            span["attributes"] |= _HTML
    for point in wanted["points"]:
        if point["name"] == "http.server.active_requests":
            point["has_exemplar"] = False


def _stream(case: str, wanted: Seen, own: Seen) -> None:
    for span in wanted["spans"]:
        if span["name"].startswith("chunk"):
            span["parent"] = "GET /stream-context"


def _no_request(case: str, wanted: Seen, own: Seen) -> None:
    if case == "outside of a request":
        wanted["spans"].clear()


RULES = [
    scope_rule("flask"),
    # Before what is about server spans: it makes some.
    Rule(
        "own-context",
        "a request begins in a context of its own: servers take it up in that of another, and it would be made for him",
        _own_context,
    ),
    Rule(
        "host-alone",
        "`server.address` is the host without its port, which `server.port` says (semantic conventions, HTTP spans)",
        _host_alone,
    ),
    Rule("path", "`url.path` is required; contrib leaves it out where a server does not tell the raw address", _path),
    Rule("signature", "a signed link in a trace would let in whoever reads the trace", _signature),
    Rule(
        "excluded",
        "whoever sends a request must not be able to keep it out of sight by what he writes into the query",
        _excluded,
    ),
    Rule(
        "preprocessor", "a request that fails before contrib has begun its span is served all the same", _preprocessor
    ),
    Rule("separate-values", "cookies that were joined by commas could not be told apart again", _separate_values),
    Rule("stream", "what a stream does belongs to the request from its first chunk to its last", _stream),
    Rule("no-request", "a request context that the app makes up is no request that was served", _no_request),
]
