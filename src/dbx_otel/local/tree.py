# SPDX-License-Identifier: Apache-2.0
"""Traces as trees for a terminal: who, what, whether it was allowed, how long."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from dbx_otel import semconv
from dbx_otel.local.forest import Node, Trace, traces
from dbx_otel.local.records import LogRecord, SpanRecord
from dbx_otel.local.terminal import Style, clean, fit, painter, width_of

DEFAULT_WIDTH = 100

_KIND_COLUMNS = 9
_OUTCOME_COLUMNS = 11
_TIME_COLUMNS = 11
_LEVEL_COLUMNS = 6
_HASH_SHOWN = 16
_DENIED = {401, 403}
_LEVELS = ((21, "FATAL"), (17, "ERROR"), (13, "WARN"), (9, "INFO"), (5, "DEBUG"), (1, "TRACE"))

Attributes = Mapping[str, Any]


def tree_lines(
    spans: Iterable[SpanRecord],
    logs: Iterable[LogRecord] = (),
    *,
    width: int = DEFAULT_WIDTH,
    colour: bool = False,
) -> list[str]:
    """Draw every trace among the records, an empty line between two of them.

    Args:
        spans: In any order.
        logs: In any order; those that belong to none of the traces are left out.
        width: Longest line in columns, at least 60.
        colour: Whether to style with escape sequences.

    Returns:
        Lines without line breaks.
    """
    lines: list[str] = []
    for trace in traces(spans, logs):
        if lines:
            lines.append("")
        lines += _Drawing(trace, width, colour).lines()
    return lines


class _Drawing:
    def __init__(self, trace: Trace, width: int, colour: bool) -> None:
        self._trace = trace
        self._width = width
        self._colour = colour
        self._paint = painter(colour)
        self._name_columns = width - _KIND_COLUMNS - _OUTCOME_COLUMNS - _TIME_COLUMNS - 1

    def lines(self) -> list[str]:
        """Draw head and tree; no recursion, since a trace may be nested deeper than Python's stack."""
        person = _first_person(self._trace)
        lines = self._head(person)
        roots = self._trace.roots
        waiting = [(root, "", "", person) for root in reversed(roots)]
        while waiting:
            node, branch, stem, above = waiting.pop()
            here = above
            if isinstance(node.record, LogRecord):
                room = self._width - width_of(branch)
                line = log_line(node.record, width=room, colour=self._colour)
                lines.append(self._paint(branch, Style.DIM) + line)
            else:
                lines.append(self._span(node, node.record, branch))
                here = who(node.record.attributes) or above
                inner = stem + ("│  " if node.children else "   ")
                lines += [self._note(note, inner) for note in self._notes(node, node.record, here, above)]
            last = node.children[-1] if node.children else None
            for child in reversed(node.children):
                twig, rest = ("└─ ", "   ") if child is last else ("├─ ", "│  ")
                waiting.append((child, self._shallow(stem + twig), self._shallow(stem + rest), here))
        return lines

    def _head(self, person: str) -> list[str]:
        records = [node.record for node in self._trace.nodes()]
        services = dict.fromkeys(clean(record.resource.get(semconv.SERVICE_NAME, "")) for record in records)
        title = " · ".join(filter(None, [f"trace {self._trace.trace_id}", *services]))
        shown = person or "nobody is named"
        return [
            self._paint(fit(title, self._width).rstrip(), Style.DIM),
            self._paint(fit(shown, self._width).rstrip(), Style.PERSON if person else Style.WARNING),
        ]

    def _span(self, node: Node, span: SpanRecord, branch: str) -> str:
        name = fit(_label(span), self._name_columns - width_of(branch))
        kind = fit("" if span.kind in {"internal", "unspecified"} else span.kind, _KIND_COLUMNS)
        text, style = outcome(span)
        took = duration(span.duration_ns).rjust(_TIME_COLUMNS)
        top = Style.STRONG if not branch and not node.parent_missing else Style.PLAIN
        return (
            f"{self._paint(branch, Style.DIM)}{self._paint(name, top)} {self._paint(kind, Style.DIM)}"
            f"{self._paint(fit(text, _OUTCOME_COLUMNS), style)}{took}"
        )

    def _notes(self, node: Node, span: SpanRecord, here: str, above: str) -> list[tuple[str, Style]]:
        notes = []
        if node.parent_missing:
            notes.append((f"parent {span.parent_span_id} is not among what arrived", Style.DIM))
        if here != above:
            notes.append((here, Style.PERSON))
        # All spans of a request carry it; the server's is the one that met the headers.
        rejected = span.attributes.get(semconv.DATABRICKS_IDENTITY_REJECTED)
        if rejected and span.kind == "server":
            notes.append((clean(f"headers not used: {', '.join(map(str, rejected))}"), Style.WARNING))
        if span.status == "error" and span.status_message:
            notes.append((clean(span.status_message), Style.BAD))
        return notes

    def _shallow(self, stem: str) -> str:
        """Leave half of the room to the name of what is nested very deeply: the outer branches make way."""
        deepest = self._name_columns // 2
        return stem if len(stem) <= deepest else "… " + stem[2 - deepest :]

    def _note(self, note: tuple[str, Style], stem: str) -> str:
        text, style = note
        room = self._width - width_of(stem)
        return f"{self._paint(stem, Style.DIM)}{self._paint(fit(text, room).rstrip(), style)}"


def log_line(log: LogRecord, *, width: int = DEFAULT_WIDTH, colour: bool = False) -> str:
    """Draw one log record: level, logger, event name and body, cut to `width` columns."""
    paint = painter(colour)
    level = next((name for number, name in _LEVELS if log.severity_number >= number), "LOG")
    style = Style.BAD if level in {"ERROR", "FATAL"} else Style.WARNING if level == "WARN" else Style.DIM
    said = ": ".join(filter(None, [clean(log.event_name), clean("" if log.body is None else log.body)]))
    text = "  ".join(filter(None, [clean(log.scope.name), said]))
    return f"{paint(fit(level, _LEVEL_COLUMNS), style)}{fit(text, width - _LEVEL_COLUMNS).rstrip()}"


def who(attributes: Attributes) -> str:
    """Return the person that attributes name, with the client's address; empty when there is no person."""
    email = attributes.get(semconv.USER_EMAIL)
    name = attributes.get(semconv.USER_NAME)
    person = f"{name} <{email}>" if name and email else email or name or attributes.get(semconv.USER_ID)
    if not person and semconv.USER_HASH in attributes:
        person = f"user {str(attributes[semconv.USER_HASH])[:_HASH_SHOWN]}…"
    if not person:
        return ""
    address = attributes.get(semconv.CLIENT_ADDRESS)
    return clean(f"{person} from {address}" if address else person)


def outcome(span: SpanRecord) -> tuple[str, Style]:
    """Return how a span ended in a word or two, and how to show it; the HTTP status comes first."""
    attributes = span.attributes
    code = attributes.get("http.response.status_code", attributes.get("http.status_code"))
    if isinstance(code, int):
        if code in _DENIED:
            return f"{code} denied", Style.BAD
        if code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return f"{code} error", Style.BAD
        if code >= HTTPStatus.BAD_REQUEST:
            return str(code), Style.WARNING
        return str(code), Style.GOOD
    if span.status == "error":
        return "error", Style.BAD
    return ("ok", Style.GOOD) if span.status == "ok" else ("", Style.PLAIN)


def duration(nanoseconds: int) -> str:
    """Return a length of time with three digits that count."""
    milliseconds = nanoseconds / 1e6
    if milliseconds < 1:
        return f"{nanoseconds / 1e3:.0f} µs"
    if milliseconds < 1000:  # noqa: PLR2004 -- a second
        return f"{_three_digits(milliseconds)} ms"
    return f"{_three_digits(milliseconds / 1e3)} s"


def _three_digits(number: float) -> str:
    decimals = 2 if number < 10 else 1 if number < 100 else 0  # noqa: PLR2004 -- places before the point
    return f"{number:,.{decimals}f}"


def _label(span: SpanRecord) -> str:
    """Return the name of a span, and the host where a client's span is named by the method alone."""
    host = span.attributes.get("server.address")
    if host and span.kind == "client" and span.name == span.attributes.get("http.request.method"):
        return clean(f"{span.name} {host}")
    return clean(span.name) or "(no name)"


def _first_person(trace: Trace) -> str:
    people = (who(node.record.attributes) for node in trace.nodes())
    return next(filter(None, people), "")
