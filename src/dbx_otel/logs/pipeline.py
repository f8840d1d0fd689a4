# SPDX-License-Identifier: Apache-2.0
"""Where the log events of all libraries meet: each goes to standard output once and over OTLP once.

Nothing here raises, whatever an app logs, and nothing happens before `install`.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from dbx_otel import semconv
from dbx_otel.logs import console
from dbx_otel.logs.fit import PlainEvent, fit
from dbx_otel.logs.json_line import json_line
from dbx_otel.logs.otlp import Outlet, current_trace, is_suppressed
from dbx_otel.logs.record import LogEvent, Origin
from dbx_otel.logs.text_line import text_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dbx_otel.settings import Settings, StdoutMode

_SHORT_FORM = (
    semconv.SERVICE_NAME,
    semconv.SERVICE_VERSION,
    semconv.SERVICE_INSTANCE_ID,
    semconv.DATABRICKS_APP_NAME,
    semconv.DATABRICKS_WORKSPACE_ID,
    semconv.DATABRICKS_DEPLOYMENT_ID,
)
"""What a line says of the resource: enough to tell apps and processes apart."""

_LONGEST_RESOURCE_VALUE = 256
_OWN_LOGGERS = "opentelemetry"
_REPEAT_SECONDS = 60.0
_MOST_REMEMBERED = 1000


class User(Protocol):
    """The person behind a request, as `dbx_otel.identity.Identity` tells it."""

    @property
    def user(self) -> Mapping[str, str]:
        """`id`, `email`, `name`, or `hash` alone."""

    @property
    def client_address(self) -> str | None:
        """Address of the person's machine."""


def _nobody() -> User | None:
    return None


class _Render(Protocol):
    def __call__(self, event: PlainEvent, origin: Origin, max_bytes: int, *, ascii_only: bool) -> str: ...


_RENDERERS: Mapping[str, _Render] = {"json": json_line, "text": text_line}


class _Pipeline:
    def __init__(
        self,
        settings: Settings,
        mode: StdoutMode,
        resource: Mapping[str, str],
        get_outlet: Callable[[], Outlet | None] | None,
        identity: Callable[[], User | None],
    ) -> None:
        self.render = _RENDERERS.get(mode.value)
        self.log_level = settings.log_level
        self.max_bytes = int(settings.stdout_max_bytes) - 1  # the line break is part of the line
        self.resource = _short_form(resource)
        self.get_outlet = get_outlet
        self.outlet: Outlet | None = None
        self.identity = identity
        self.last_said: dict[tuple[str, str], float] = {}


_pipeline: _Pipeline | None = None
_emitting: ContextVar[bool] = ContextVar("dbx-otel-emitting", default=False)
"""Whether a record is being handed on here."""


def install(
    settings: Settings,
    *,
    mode: StdoutMode,
    resource: Mapping[str, str] | None = None,
    get_outlet: Callable[[], Outlet | None] | None = None,
    identity: Callable[[], User | None] = _nobody,
) -> None:
    """Begin to deliver log events.

    Args:
        settings: The settings; `log_level` and `stdout_max_bytes` are used.
        mode: `json`, `text` or `off`; `auto` has been decided before.
        resource: Attributes of the resource; a line shows the short form.
        get_outlet: Returns where events go to be sent, or `None` as long as they go nowhere. Called with the first
            event and, as long as it says `None`, with each: it may start the distribution.
        identity: Returns the person behind what is under way here.
    """
    global _pipeline  # noqa: PLW0603 -- one process has one standard output
    _pipeline = _Pipeline(settings, mode, resource or {}, get_outlet, identity)


def set_resource(resource: Mapping[str, str]) -> None:
    """Change what lines say of the resource: it may be known late, and differs after a fork.

    Args:
        resource: Attributes of the resource.
    """
    if _pipeline is not None:
        _pipeline.resource = _short_form(resource)


def is_installed() -> bool:
    """Tell whether events are delivered at all."""
    return _pipeline is not None


def owns_console() -> bool:
    """Tell whether records reach standard output through us: the app's own console output is muted then."""
    return _pipeline is not None and _pipeline.render is not None


def log_level() -> int:
    """Return the level from which records are taken where the app sets none."""
    return _pipeline.log_level if _pipeline is not None else 0


def emit(event: LogEvent, *, to_console: bool = True) -> None:
    """Deliver one event: one line on standard output, one OTLP record. Never raises.

    Args:
        event: The event.
        to_console: Whether it belongs on standard output; the app may have said that it does not.
    """
    pipeline = _pipeline
    if pipeline is None:
        return
    plain: PlainEvent | None = None
    try:
        if to_console and pipeline.render is not None and _is_news(pipeline, event):
            plain = fit(event, pipeline.max_bytes)
            _write(pipeline, pipeline.render, plain)
    except Exception:
        # The app comes first; and a line about this would come back here.
        pass
    try:
        if pipeline.get_outlet is not None and not _emitting.get() and not _is_own(event) and not is_suppressed():
            _send(pipeline, pipeline.get_outlet, plain, event)
    except Exception:
        # As above.
        pass


def _write(pipeline: _Pipeline, render: _Render, event: PlainEvent) -> None:
    stream = console.stdout()
    line = render(event, _origin(pipeline), pipeline.max_bytes, ascii_only=console.takes_only_ascii(stream))
    console.write(line, stream)


def _send(
    pipeline: _Pipeline, get_outlet: Callable[[], Outlet | None], plain: PlainEvent | None, event: LogEvent
) -> None:
    # What is logged meanwhile, by the SDK for one, goes to the console only.
    token = _emitting.set(True)
    try:
        outlet = pipeline.outlet
        if outlet is None:
            outlet = pipeline.outlet = get_outlet()
        if outlet is not None:
            outlet.emit(plain or fit(event, pipeline.max_bytes))
    finally:
        _emitting.reset(token)


def _origin(pipeline: _Pipeline) -> Origin:
    trace_id, span_id, _ = current_trace()
    person = pipeline.identity()
    return Origin(
        trace_id=f"{trace_id:032x}" if span_id else "",
        span_id=f"{span_id:016x}" if span_id else "",
        user=person.user if person is not None else {},
        client_address=person.client_address if person is not None else None,
        resource=pipeline.resource,
    )


def _is_own(event: LogEvent) -> bool:
    """Tell whether OpenTelemetry is speaking: sending that would make it speak again."""
    return event.logger == _OWN_LOGGERS or event.logger.startswith(_OWN_LOGGERS + ".")


def _is_news(pipeline: _Pipeline, event: LogEvent) -> bool:
    """Tell whether to say this: OpenTelemetry repeats itself with each batch while a collector is away."""
    if not _is_own(event):
        return True
    said = pipeline.last_said
    key = (event.logger, event.template or str(event.body))
    now = time.monotonic()
    if now - said.get(key, -_REPEAT_SECONDS) < _REPEAT_SECONDS:
        return False
    if len(said) >= _MOST_REMEMBERED:
        said.clear()
    said[key] = now
    return True


def _short_form(resource: Mapping[str, str]) -> dict[str, str]:
    return {name: str(resource[name])[:_LONGEST_RESOURCE_VALUE] for name in _SHORT_FORM if resource.get(name)}
