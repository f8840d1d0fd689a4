# SPDX-License-Identifier: Apache-2.0
"""docs/settings.md, from the table of settings and the defaults that the launcher gives to libraries."""

import inspect
import re
from collections.abc import Iterator

from dbx_otel import settings
from dbx_otel.launch import interpreter

_HEAD = """\
<!-- Written by scripts/generate-docs. Change src/dbx_otel/settings.py instead. -->
# Settings

Settings are environment variables. In a Databricks App they stand in `app.yaml`:

```yaml
command: ["dbx-otel-run", "uvicorn", "app:app"]
env:
  - name: DBX_OTEL_IDENTITY
    value: hash
  - name: DBX_OTEL_IDENTITY_KEY
    valueFrom: identity-key   # a secret among the app's resources
```

- An empty value counts as not set.
- A value that cannot be used stops nothing: one line on standard error names it, what is allowed and what is used
  instead. A `DBX_OTEL_` variable that does not exist is named too.
- A secret is never printed. Those that have a `_FILE` variable beside them can be kept in a file.
- `dbx-otel-run --explain COMMAND` prints every setting with where its value comes from.
"""

_RESPECTED = {
    "`OTEL_SDK_DISABLED`": "`true` switches traces, metrics and OTLP logs off, and identity with them. Log lines on "
    "standard output stay.",
    "`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_<SIGNAL>_ENDPOINT`": "Where telemetry goes. Without one of "
    "them (and without `DBX_OTEL_OTLP_ENDPOINT`) nothing is sent: there is no default of localhost.",
    "`OTEL_EXPORTER_OTLP_PROTOCOL`, `OTEL_EXPORTER_OTLP_<SIGNAL>_PROTOCOL`": "`grpc` or `http/protobuf` (default). "
    "Another value gives one line, and `http/protobuf`.",
    "`OTEL_EXPORTER_OTLP_HEADERS`, `…_TIMEOUT`, `…_COMPRESSION`, `…_CERTIFICATE`, `…_CLIENT_KEY`, "
    "`…_CLIENT_CERTIFICATE`, `…_INSECURE`": "As OpenTelemetry's exporters for Python read them, each also by signal; "
    "`…_TIMEOUT` is in seconds. `…_COMPRESSION` is `gzip` or `none`: without it the light "
    "pipeline compresses over HTTP and not over gRPC. Headers are for "
    "this destination only and never reach the second one; the others count for both, `…_INSECURE` excepted.",
    "`OTEL_PYTHON_EXPORTER_OTLP_{HTTP,GRPC}_CREDENTIAL_PROVIDER`, `…_{HTTP,GRPC}_<SIGNAL>_CREDENTIAL_PROVIDER`": "Name "
    "of an installed credential provider, for this destination only.",
    "`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`": "The proxy to both destinations, by the rules of requests; "
    "with gRPC by those of gRPC.",
    "`REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`, `SSL_CERT_FILE`, `SSL_CERT_DIR`": "With http/protobuf: certificate "
    "authorities to believe where `…_CERTIFICATE` names none; the first two instead of those of this machine, the "
    "others beside them.",
    "`OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER`, `OTEL_LOGS_EXPORTER`": "`otlp`, `none`, `console`, or any "
    "installed exporter; several with commas between them. `otlp` where an endpoint is set. `prometheus`, which is "
    "asked rather than sends, is not supported.",
    "`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_EXPERIMENTAL_RESOURCE_DETECTORS`": "They win over what "
    "dbx-otel knows of the app; what they do not name is added.",
    "`OTEL_PROPAGATORS`": "Identity is read in addition, whatever is named here. With `none` trace ids of callers are "
    "not taken over, and passed on to nobody.",
    "`OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG`": "As the SDK reads them; default: everything that the caller "
    "has not decided against.",
    "`OTEL_BSP_*`, `OTEL_BLRP_*`, `OTEL_METRIC_EXPORT_*`": "Queues, batches and intervals, for each destination of its "
    "own.",
    "`OTEL_METRICS_EXEMPLAR_FILTER`": "As the SDK reads it; default: measurements made inside a sampled trace.",
    "`OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`, "
    "`OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION`": "As the OTLP exporter reads them, for both "
    "destinations.",
    "`OTEL_SPAN_*_LIMIT`, `OTEL_LOGRECORD_*_LIMIT`, `OTEL_ATTRIBUTE_*_LIMIT`, `OTEL_EVENT_*_LIMIT`, "
    "`OTEL_LINK_*_LIMIT`": "As the SDK reads them.",
    "`OTEL_PYTHON_DISABLED_INSTRUMENTATIONS`": "Read together with `DBX_OTEL_DISABLED_INSTRUMENTATIONS`.",
    "`OTEL_PYTHON_EXCLUDED_URLS`, `OTEL_PYTHON_<LIBRARY>_EXCLUDED_URLS`": "Requests without a span, as the "
    "instrumentations read them.",
    "`OTEL_INSTRUMENTATION_HTTP_*`": "Methods and headers on spans, as the instrumentations read them. Do not capture "
    "`X-Forwarded-Access-Token` with them: it is a credential.",
    "`OTEL_PYTHON_LOG_CORRELATION`": "Gives trace ids to the formatters of the app.",
    "`OTEL_PYTHON_ASYNCIO_*`": "Spans for coroutines, futures and threads that they name.",
}

_NOT_FOLLOWED = {
    "`OTEL_CONFIG_FILE`": "One line says so, and the variables are used instead.",
    "`OTEL_PYTHON_ID_GENERATOR`": "Ids come from the operating system, so that `random.seed` does not repeat them.",
    "`OTEL_PYTHON_DISTRO`, `OTEL_PYTHON_CONFIGURATOR`": "They are for `opentelemetry-instrument`.",
    "`OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED`": "Log records are taken by dbx-otel itself: see "
    "[logs](logs.md).",
}


def page() -> str:
    """Return the page."""
    return "\n".join([*_sections()]) + "\n"


def _sections() -> Iterator[str]:
    yield _HEAD
    for row in settings.table():
        yield from _setting(row)
    yield "## OpenTelemetry's own variables\n"
    yield "What the platform or you have set is respected:\n"
    yield from _table(("variable", "what it does here"), _RESPECTED)
    yield "Not followed:\n"
    yield from _table(("variable", "instead"), _NOT_FOLLOWED)
    yield "## Variables that dbx-otel sets for libraries\n"
    yield "Libraries read these when they are imported. One that is set already stays as it is.\n"
    reasons = default_reasons()
    rows = {f"`{name}={value}`": reasons[name] for name, value in interpreter.DEFAULTS.items()}
    yield from _table(("variable", "why"), rows)
    yield "Added to what is set already, so that captured headers show neither the user's token nor the user:\n"
    yield from (f"- `{name}`: `{value}`\n" for name, value in interpreter.ADDED.items())


def _setting(row: settings.Row) -> Iterator[str]:
    yield f"## `{row.variable}`\n"
    facts = [f"Allowed: {row.kind.allowed}.", f"Default: {_default(row)}."]
    if row.fallback != row.default:
        facts.append(f"A value that cannot be used counts as `{settings.shown(row.fallback)}`.")
    if row.secret:
        facts.append("Secret: never printed.")
    yield " ".join(facts) + "\n"
    yield row.meaning + "\n"


def _default(row: settings.Row) -> str:
    if row.attribute == "log_level":
        return f"`{settings.level_name(row.default)}`"
    return "not set" if row.default is None else f"`{settings.shown(row.default)}`"


def _table(head: tuple[str, str], rows: dict[str, str]) -> Iterator[str]:
    yield f"| {head[0]} | {head[1]} |"
    yield "|---|---|"
    for first, second in rows.items():
        yield f"| {first} | {second} |"
    yield ""


def default_reasons() -> dict[str, str]:
    """Return, by variable, the comment above it in the launcher's `DEFAULTS`.

    A variable without a comment of its own shares that of the one before it.

    Raises:
        KeyError: The first variable has no comment.
    """
    reasons: dict[str, str] = {}
    comment: list[str] = []
    after_variable = False
    for line in inspect.getsource(interpreter).partition("DEFAULTS = {")[2].splitlines():
        if line.startswith("}"):
            break
        text = line.strip()
        if text.startswith("#"):
            comment = [text[1:].strip()] if after_variable else [*comment, text[1:].strip()]
            after_variable = False
        elif found := re.match(r'"(\w+)":', text):
            reasons[found[1]] = " ".join(comment)
            after_variable = True
    return reasons
