# SPDX-License-Identifier: Apache-2.0
"""One table of settings: environment variable, type, default, meaning. Docs and `--explain` are derived from it.

A bad value never stops the app: it becomes a `Problem`, one line that names the value, what is allowed and what is
used instead.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from dbx_otel.setting_kinds import FLAG, LEVEL, LEVELS, NAMES, PATH, TEXT, URL, Kind, choice, number

APP_NAME_VARIABLE = "DATABRICKS_APP_NAME"
"""Set by the Databricks Apps platform and by nothing else: its presence means "behind the Apps proxy"."""


class IdentityMode(StrEnum):
    """How much of the user's identity telemetry carries."""

    FULL = "full"
    HASH = "hash"
    OFF = "off"


class ProxyTrust(StrEnum):
    """When the forwarded identity headers are believed."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class StdoutMode(StrEnum):
    """What becomes of log records on standard output."""

    AUTO = "auto"
    JSON = "json"
    TEXT = "text"
    OFF = "off"


class Pipeline(StrEnum):
    """What spans, metrics and log records are made and sent with."""

    LIGHT = "light"
    SDK = "sdk"


class Protocol(StrEnum):
    """How OTLP is spoken, in the words of `OTEL_EXPORTER_OTLP_PROTOCOL`."""

    HTTP = "http/protobuf"
    GRPC = "grpc"


def _setting(
    variable: str, kind: Kind, default: Any, meaning: str, *, secret: bool = False, if_unusable: Any = None
) -> Any:
    fallback = default if if_unusable is None else if_unusable
    metadata = {"variable": variable, "kind": kind, "meaning": meaning, "secret": secret, "fallback": fallback}
    return field(default=default, repr=not secret, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting, with the default where the environment says nothing."""

    enabled: bool = _setting(
        "DBX_OTEL_ENABLED",
        FLAG,
        True,
        "Whether anything is done at all. With `false` the command runs as if `dbx-otel-run` were not there.",
    )
    identity: IdentityMode = _setting(
        "DBX_OTEL_IDENTITY",
        choice(IdentityMode),
        IdentityMode.FULL,
        "How much of the user's identity telemetry carries: `full` (id, e-mail, name), `hash` (one keyed hash, "
        "`user.hash`, instead of the three), `off` (neither the user nor the user's address).",
        if_unusable=IdentityMode.OFF,
    )
    identity_key: str | None = _setting(
        "DBX_OTEL_IDENTITY_KEY",
        TEXT,
        None,
        "Key of the hash (HMAC-SHA256), at least 16 characters. The same key gives the same person the same hash in "
        "every app. Needed by `DBX_OTEL_IDENTITY=hash`.",
        secret=True,
    )
    identity_key_file: Path | None = _setting(
        "DBX_OTEL_IDENTITY_KEY_FILE",
        PATH,
        None,
        "File that holds the key of the hash; read when `DBX_OTEL_IDENTITY_KEY` is not set.",
    )
    trust_proxy: ProxyTrust = _setting(
        "DBX_OTEL_TRUST_PROXY",
        choice(ProxyTrust),
        ProxyTrust.AUTO,
        "When the forwarded identity headers are believed: `auto` where the Databricks Apps platform has set "
        "`DATABRICKS_APP_NAME`, `always` behind an own proxy that overwrites them, `never`.",
        if_unusable=ProxyTrust.NEVER,
    )
    stdout: StdoutMode = _setting(
        "DBX_OTEL_STDOUT",
        choice(StdoutMode),
        StdoutMode.AUTO,
        "What becomes of log records on standard output: `json` (one object a line), `text` (one readable line), "
        "`off` (the app's own output is left as it is). `auto` is `json` inside a Databricks App and `off` elsewhere.",
    )
    stdout_max_bytes: float = _setting(
        "DBX_OTEL_STDOUT_MAX_BYTES",
        number(1024, 1_000_000),
        262_144,
        "Longest line written to standard output, in bytes; what is longer is cut inside its values and marked. The "
        "platform takes up to 1 MB a line.",
    )
    log_level: int = _setting(
        "DBX_OTEL_LOG_LEVEL",
        LEVEL,
        20,
        "Level from which log records are taken where the app sets no level of its own on the root logger (Python's "
        "default, WARNING, would lose INFO). The app's own handlers see what they saw before.",
    )
    otlp_endpoint: str | None = _setting(
        "DBX_OTEL_OTLP_ENDPOINT",
        URL,
        None,
        "A second OTLP destination, beside that of `OTEL_EXPORTER_OTLP_ENDPOINT`, with queues of its own: where one "
        "fails the other does not notice. With http/protobuf `/v1/traces` and so on are appended.",
    )
    otlp_protocol: Protocol = _setting(
        "DBX_OTEL_OTLP_PROTOCOL",
        choice(Protocol),
        Protocol.HTTP,
        "Protocol of the second destination.",
    )
    otlp_headers: str | None = _setting(
        "DBX_OTEL_OTLP_HEADERS",
        TEXT,
        None,
        "Headers of the second destination, `key=value` with commas between them, values URL-encoded.",
        secret=True,
    )
    otlp_headers_file: Path | None = _setting(
        "DBX_OTEL_OTLP_HEADERS_FILE",
        PATH,
        None,
        "File that holds the headers of the second destination; read when `DBX_OTEL_OTLP_HEADERS` is not set.",
    )
    pipeline: Pipeline = _setting(
        "DBX_OTEL_PIPELINE",
        choice(Pipeline),
        Pipeline.LIGHT,
        "What spans, metrics and log records are made and sent with: `light` is ours behind OpenTelemetry's API, at a "
        "fraction of the cost, and keeps what a collector that is away does not take; `sdk` is OpenTelemetry's SDK "
        "with its batch processors and exporters.",
    )
    buffer_max_bytes: float = _setting(
        "DBX_OTEL_BUFFER_MAX_BYTES",
        number(65_536, 1_073_741_824),
        33_554_432,
        "Most memory, in bytes, that a destination's encoded and compressed batches may take while it is away. Then "
        "the oldest ordinary spans are given up first, security records last. Not used by the `sdk` pipeline.",
    )
    spool_dir: Path | None = _setting(
        "DBX_OTEL_SPOOL_DIR",
        PATH,
        None,
        "Folder in which security records are kept until they have been delivered, also over the end of the process. "
        "A folder of this user's in the system's temporary one where it is not set. Not used by the `sdk` pipeline.",
    )
    spool_max_bytes: float = _setting(
        "DBX_OTEL_SPOOL_MAX_BYTES",
        number(0, 10_737_418_240),
        67_108_864,
        "Most disk space, in bytes, that undelivered security records of all processes may take; `0` keeps none.",
    )
    metrics_views: str | None = _setting(
        "DBX_OTEL_METRICS_VIEWS",
        TEXT,
        None,
        "`module:attribute` that holds a sequence of OpenTelemetry SDK `View`s, applied to all metrics, those of "
        "dbx-otel among them (which then cost what the SDK's do).",
    )
    exit_deadline: float = _setting(
        "DBX_OTEL_EXIT_DEADLINE",
        number(0, 14),
        5.0,
        "Longest time, in seconds, that sending what is queued may hold up the end of the process. The platform kills "
        "15 s after SIGTERM.",
    )
    # Shown from here only: `instrumentation.lifecycle` reads it, before this table is loaded.
    disabled_instrumentations: str | None = _setting(
        "DBX_OTEL_DISABLED_INSTRUMENTATIONS",
        NAMES,
        None,
        "Instrumentations to leave out, by the names that `dbx-otel-run --explain` shows; `*` leaves out all. "
        "`OTEL_PYTHON_DISABLED_INSTRUMENTATIONS` is read as well.",
    )
    # As above: `instrumentation.attach` reads it.
    contrib_instrumentations: str | None = _setting(
        "DBX_OTEL_CONTRIB_INSTRUMENTATIONS",
        NAMES,
        None,
        "Libraries to instrument by OpenTelemetry's own instrumentation where dbx-otel has a lighter one that makes "
        "the same spans and metrics: `fastapi`, `starlette`, `flask`, `requests`, `httpx`; `*` names all.",
    )
    deployment_id: str | None = _setting(
        "DBX_OTEL_DEPLOYMENT_ID",
        TEXT,
        None,
        "Deployment of the app, as resource attribute `databricks.deployment.id`; put a commit or release here.",
    )


class Row(NamedTuple):
    """One setting as the table shows it.

    Attributes:
        attribute: Name in `Settings`.
        variable: The environment variable.
        kind: How its text is read.
        default: The value where it is not set.
        meaning: What it does, for the docs.
        secret: Whether its value is never shown.
        fallback: The value where what is set cannot be used: the default, but never more of the user than was asked
            for.
    """

    attribute: str
    variable: str
    kind: Kind
    default: Any
    meaning: str
    secret: bool
    fallback: Any


class Problem(NamedTuple):
    """A value that could not be used.

    Attributes:
        variable: The environment variable.
        text: One line: name, value (never of a secret), what is allowed, what is used instead.
    """

    variable: str
    text: str


def table() -> Iterator[Row]:
    """Yield every setting, in the order of the docs."""
    for item in fields(Settings):
        data = item.metadata
        yield Row(attribute=item.name, default=item.default, **data)


def shown(value: Any) -> str:
    """Return a value as a person would write it into the environment."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else f"{value:g}"
    return str(value)


def level_name(level: int) -> str:
    """Return the name of a log level, as it is written into the environment."""
    return next(name for name, value in LEVELS.items() if value == level)


def resolved_stdout(settings: Settings, environ: Mapping[str, str] = os.environ) -> StdoutMode:
    """Return what becomes of log records on standard output, with `auto` decided."""
    if settings.stdout is not StdoutMode.AUTO:
        return settings.stdout
    return StdoutMode.JSON if in_databricks_app(environ) else StdoutMode.OFF


def load(environ: Mapping[str, str] = os.environ) -> tuple[Settings, list[Problem]]:
    """Read all settings.

    Args:
        environ: The environment; an empty value counts as not set, as OpenTelemetry's own variables do
            (OpenTelemetry specification, "Environment Variable Specification", empty value).

    Returns:
        The settings, and a problem for each value that could not be used. Never raises.
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for row in table():
        text = environ.get(row.variable, "").strip()
        if not text:
            continue
        try:
            values[row.attribute] = row.kind.parse(text)
        except ValueError:
            values[row.attribute] = row.fallback
            problems.append(_bad_value(row, text))
    problems.extend(_unknown_variables(environ))
    return Settings(**values), problems


def in_databricks_app(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether the Databricks Apps platform started this process."""
    return bool(environ.get(APP_NAME_VARIABLE))


def _bad_value(row: Row, text: str) -> Problem:
    value = "a value that is not shown" if row.secret else repr(row.kind.public(text)[:200])
    instead = level_name(row.fallback) if row.kind is LEVEL else shown(row.fallback)
    return Problem(row.variable, f"{row.variable} is {value}; allowed: {row.kind.allowed}; used instead: {instead}")


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[Problem]:
    known = {row.variable for row in table()}
    for name in environ:
        if name.startswith("DBX_OTEL_") and name not in known and not name.startswith("DBX_OTEL_RUN"):
            yield Problem(
                name, f"{name} is set, but there is no such setting; see docs/settings.md for those there are"
            )
