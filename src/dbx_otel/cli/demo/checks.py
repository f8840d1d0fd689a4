# SPDX-License-Identifier: Apache-2.0
"""Whether what the demo promises has arrived, asked of the receiver and of the app's standard output."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from dbx_otel import semconv
from dbx_otel.cli.demo.people import Visit
from dbx_otel.local.records import LogRecord, SpanRecord
from dbx_otel.local.store import Store


class Seen(NamedTuple):
    """A visit that was made.

    Attributes:
        visit: Who asked for what.
        request_id: The id that the proxy gave it.
        status: The status of the answer.
    """

    visit: Visit
    request_id: str
    status: int


class Check(NamedTuple):
    """One promise, and what is missing of it; nothing missing means that it is kept."""

    promise: str
    missing: tuple[str, ...]


def check(seen: Sequence[Seen], store: Store, output: Iterable[str]) -> list[Check]:
    """Compare what arrived with what was sent.

    Args:
        seen: The visits made.
        store: What the receiver got.
        output: Lines of the app's standard output.
    """
    lines = [line for line in map(json_object, output) if line]
    return [
        Check("the app allowed and denied as it should", _missing(seen, _answered)),
        Check("each request is a trace that names the person and the address", _missing(seen, _traced, store)),
        Check("the trace says how the request ended", _missing(seen, _ended, store)),
        Check(
            "the log records over OTLP belong to the trace and name the person",
            _missing(seen, _logged, store),
        ),
        Check("so do the JSON lines on standard output", _missing(seen, _written, store, lines)),
    ]


def span_of(seen: Seen, store: Store) -> SpanRecord | None:
    """Return the server span of a visit, found by the request id that the proxy gave it."""
    for span in store.spans(kind="server"):
        if span.attributes.get(semconv.DATABRICKS_REQUEST_ID) == seen.request_id and not span.parent_span_id:
            return span
    return None


def logs_of(seen: Seen, store: Store) -> list[LogRecord]:
    """Return the log records of a visit's trace."""
    span = span_of(seen, store)
    return store.logs(trace_id=span.trace_id) if span else []


def json_object(line: str) -> dict[str, Any] | None:
    """Return a line as a JSON object, or None when it is none."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _missing(seen: Sequence[Seen], holds: Any, *where: Any) -> tuple[str, ...]:
    return tuple(f"{one.visit.person.email} GET {one.visit.path}" for one in seen if not holds(one, *where))


def _answered(seen: Seen) -> bool:
    return seen.status == seen.visit.status


def _traced(seen: Seen, store: Store) -> bool:
    span = span_of(seen, store)
    return span is not None and _names(span.attributes, seen)


def _ended(seen: Seen, store: Store) -> bool:
    span = span_of(seen, store)
    return span is not None and span.attributes.get("http.response.status_code") == seen.visit.status


def _logged(seen: Seen, store: Store) -> bool:
    logs = logs_of(seen, store)
    return bool(logs) and all(_names(log.attributes, seen) for log in logs if log.scope.name == "orders")


def _written(seen: Seen, store: Store, lines: list[dict[str, Any]]) -> bool:
    span = span_of(seen, store)
    if span is None:
        return False
    mine = [line for line in lines if line.get("trace_id") == span.trace_id and line.get("logger") == "orders"]
    return bool(mine) and all(
        _part(line, "user", "email") == seen.visit.person.email
        and _part(line, "client", "address") == seen.visit.person.address
        for line in mine
    )


def _part(line: dict[str, Any], name: str, part: str) -> Any:
    found = line.get(name)
    return found.get(part) if isinstance(found, dict) else None


def _names(attributes: Mapping[str, Any], seen: Seen) -> bool:
    person = seen.visit.person
    named = (attributes.get(semconv.USER_EMAIL), attributes.get(semconv.CLIENT_ADDRESS))
    return named == (person.email, person.address)
