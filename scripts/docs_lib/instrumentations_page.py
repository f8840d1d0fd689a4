# SPDX-License-Identifier: Apache-2.0
"""docs/instrumentations.md, from the catalog of libraries and what pyproject.toml brings along."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from dbx_otel.instrumentation.catalog import LIBRARIES, Library

ROOT = Path(__file__).parents[2]

_HEAD = """\
<!-- Written by scripts/generate-docs. Change src/dbx_otel/instrumentation/catalog.py instead. -->
# Instrumentations

Each library is instrumented at the moment the app imports it, or first uses it, and not before: what an app does not
use costs it nothing. `dbx-otel-run --explain` shows which of them are installed, in which version, and whether that
version can be instrumented.

The name is what `DBX_OTEL_DISABLED_INSTRUMENTATIONS` takes, several with commas between them; `*` leaves out all.
Where dbx-otel makes the spans and metrics itself, they are those of OpenTelemetry's instrumentation at a fraction of
its cost; `DBX_OTEL_CONTRIB_INSTRUMENTATIONS` takes the names of libraries for which the latter is to do it.
"""

_OWN = {
    "stdlib-logging": "log records, see [logs](logs.md)",
    "structlog": "log records, see [logs](logs.md)",
    "loguru": "log records, see [logs](logs.md)",
    "opentelemetry-api": "spans, metrics and log records that the app makes itself",
    "django": "server spans, by `opentelemetry-instrumentation-django` once the app's settings are there",
    "aiohttp-server": "server spans, by the middleware of `opentelemetry-instrumentation-aiohttp-server`",
    "asgi": "one span a request rather than one a message, and the person's address",
    "wsgi": "the person's address",
    "tornado": "the person's address",
    "gradio": "each event runs as the person who caused it",
    "uvicorn": "nothing is lost when the server ends",
    "multiprocessing": "nothing is lost when a child process ends",
}
"""What comes of the modules of our own."""

_TAIL = """\
## Not tied to one library

| name | what it does |
|---|---|
| `threading` | Carries the context, and with it the person, into threads, timers and thread pools. |
| `system-metrics` | Processor time, memory, threads and files of a process that has lived for 2 s, as metrics. |
| `logging` | Trace ids for the app's own formatters; attached where `OTEL_PYTHON_LOG_CORRELATION` is set. |
| `asyncio` | Spans for coroutines and futures; attached where `OTEL_PYTHON_ASYNCIO_*` variables name some. |

## A library that is not in the table

An instrumentation that is installed and not listed here is left alone, and `--explain` names it. The app can call its
`instrument()` itself: spans of an app's own code are delivered with all others.
"""


def page() -> str:
    """Return the page."""
    return "\n".join([_HEAD, *_included(), *_more(), _TAIL])


def _included() -> Iterator[str]:
    yield "## Included\n"
    yield "| name | library | by |"
    yield "|---|---|---|"
    for name, library in _by_name().items():
        if not _missing_package(library):
            yield f"| `{name}` | {library.distribution} | {_by(library)} |"
    yield ""


def _more() -> Iterator[str]:
    yield "## With one package more\n"
    yield "Attached in the same way once the package is in the app's requirements; passed over without a word if not.\n"
    yield "| name | library | add to requirements.txt |"
    yield "|---|---|---|"
    for name, library in _by_name().items():
        if package := _missing_package(library):
            yield f"| `{name}` | {library.distribution} | `{package}` |"
    yield ""


def _by_name() -> dict[str, Library]:
    """Return the libraries by name; of one that is watched for at several modules, the first."""
    libraries: dict[str, Library] = {}
    for library in LIBRARIES:
        libraries.setdefault(library.name, library)
    return libraries


def _by(library: Library) -> str:
    if library.contrib:
        return f"dbx-otel, or `{_contrib_package(library)}`"
    return f"`{_contrib_package(library)}`" if library.is_contrib else f"dbx-otel: {_OWN[library.name]}"


def _contrib_package(library: Library) -> str:
    module = (library.contrib or library.hook).partition(":")[0].rpartition(".")[2]
    return f"opentelemetry-instrumentation-{module.replace('_', '-')}"


def _missing_package(library: Library) -> str | None:
    """Return the package that dbx-otel does not bring along, if there is one."""
    if not library.is_contrib or _contrib_package(library) in dependencies():
        return None
    return _contrib_package(library)


def dependencies() -> set[str]:
    """Return the names of the packages that an installation of dbx-otel brings along."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {re.split(r"[<>=!~ \[;]", requirement)[0] for requirement in project["dependencies"]}
