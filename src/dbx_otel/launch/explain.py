# SPDX-License-Identifier: Apache-2.0
"""`dbx-otel-run --explain`: what would be set, where each value comes from, which libraries will be instrumented."""

import os
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata

from dbx_otel import settings
from dbx_otel._version import __version__
from dbx_otel.identity import policy
from dbx_otel.instrumentation import lifecycle
from dbx_otel.instrumentation.catalog import LIBRARIES, Library
from dbx_otel.launch import program
from dbx_otel.launch.interpreter import ADDED, DEFAULTS, RUN_VARIABLE

_HIDDEN = "(set, not shown)"
_NOWHERE = "nowhere: OTEL_EXPORTER_OTLP_ENDPOINT and DBX_OTEL_OTLP_ENDPOINT are not set"


def explain(command: list[str], environ: Mapping[str, str] = os.environ) -> str:
    """Return the explanation as text.

    Args:
        command: The command that would be run; may be empty.
        environ: The environment it would be run in.
    """
    sections = [
        ("Command", _command(command, environ)),
        ("Settings", _settings(environ)),
        ("Where telemetry goes", _destinations(environ)),
        ("Variables set for libraries", _defaults(environ)),
        (f"Libraries in {sys.prefix}", _libraries()),
    ]
    lines = [f"dbx-otel {__version__} on Python {sys.version.split()[0]}"]
    for title, body in sections:
        lines += ["", title, *(f"  {line}" for line in body)]
    return "\n".join(lines)


def _command(command: list[str], environ: Mapping[str, str]) -> Iterator[str]:
    if not command:
        yield "none given: put it behind --explain to have it looked at"
        return
    path = program.find(command[0], environ)
    yield f"{' '.join(command)}"
    if path is None:
        yield f"{command[0]} is not found on PATH: dbx-otel-run would end with status 127"
        return
    yield f"{command[0]} is {path}"
    note = program.note_on(command[0], environ)
    if note:
        yield note
    elif program.is_python(path):
        yield from _interpreter(program.interpreter_of(path) or path)
    else:
        yield "starts other programs: each Python among them with dbx-otel installed will be traced"


def _interpreter(interpreter: str) -> Iterator[str]:
    import shutil

    found = shutil.which(interpreter) or interpreter
    if os.path.dirname(os.path.abspath(found)) != os.path.dirname(os.path.abspath(sys.executable)):  # noqa: PTH100, PTH120 -- links must stay
        yield f"it runs on {found}, not on this Python: run the dbx-otel-run of that environment to see its libraries"


def _settings(environ: Mapping[str, str]) -> Iterator[str]:
    values, problems = settings.load(environ)
    width = max(len(row.variable) for row in settings.table())
    for row in settings.table():
        is_set = bool(environ.get(row.variable, "").strip())
        rejected = any(problem.variable == row.variable for problem in problems)
        source = "used instead" if rejected else "environment" if is_set else "default"
        value = _HIDDEN if row.secret and is_set else row.kind.public(settings.shown(getattr(values, row.attribute)))
        if row.attribute == "log_level":
            value = settings.level_name(values.log_level)
        yield f"{row.variable:<{width}}  {value}  ({source})"
    if not values.enabled:
        yield "Nothing is done: DBX_OTEL_ENABLED is false."
    decided, identity_problems = policy.decide(values, environ)
    for problem in (*problems, *identity_problems):
        yield f"! {problem.text}"
    if decided.trusted:
        yield "Identity headers are believed."
    elif values.trust_proxy is settings.ProxyTrust.NEVER:
        yield "Identity headers are not believed: DBX_OTEL_TRUST_PROXY is never."
    else:
        yield "Identity headers are not believed: DATABRICKS_APP_NAME is not set, so this is not a Databricks App."
    yield f"Log records go to standard output as: {settings.resolved_stdout(values, environ)}"


def _destinations(environ: Mapping[str, str]) -> Iterator[str]:
    from dbx_otel.distro.destinations import SIGNALS, destinations, is_switched_off

    if is_switched_off(environ):
        yield "nowhere: OTEL_SDK_DISABLED is true"
        return
    found, notes = destinations(settings.load(environ)[0], environ)
    for signal in SIGNALS:
        names = ", ".join(name for name, _ in getattr(found, signal))
        yield f"{signal:<8}{names or _NOWHERE}"
    yield from (f"! {note}" for note in dict.fromkeys(notes))


def _defaults(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in DEFAULTS.items():
        given = environ.get(name)
        yield f"{name}={value if given is None else given}  ({'default' if given is None else 'environment'})"
    for name, value in ADDED.items():
        yield f"{name}: {value}  (added to what is set)"
    yield f"{RUN_VARIABLE}=1, and a folder of dbx-otel in front of PYTHONPATH  (by dbx-otel-run)"


def _libraries() -> Iterator[str]:
    rows: dict[str, str] = {}
    for library in LIBRARIES:
        row = _library(library)
        if row is not None:
            rows.setdefault(*row)  # the first of a name is the library itself
    width = max((len(name) for name in rows), default=0)
    for name, verdict in rows.items():
        yield f"{name:<{width}}  {verdict}"
    yield "Not listed: not installed. Each is instrumented when the app imports it, and not before."
    unknown = _unknown_instrumentors()
    if unknown:
        yield f"Installed instrumentations that dbx-otel does not know and leaves alone: {', '.join(unknown)}"


def _library(library: Library) -> tuple[str, str] | None:
    if library.distribution in sys.stdlib_module_names:
        version = "standard library"
    else:
        try:
            version = metadata.version(library.distribution)
        except metadata.PackageNotFoundError:
            return None
    if lifecycle.disables(library.name):
        return library.name, f"{version}: no, switched off by the settings"
    if library.contrib and lifecycle.wants_contrib(library.name):
        library = library.by_contrib()
    if not library.is_contrib:
        return library.name, f"{version}: yes"
    return library.name, f"{version}: {_contrib_verdict(library)}"


def _contrib_verdict(library: Library) -> str:
    package = library.hook.partition(":")[0].rpartition(".")[2].replace("_", "-")
    distribution = f"opentelemetry-instrumentation-{package}"
    try:
        instrumentation = metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return f"no, {distribution} is not installed"
    from opentelemetry.instrumentation.dependencies import get_dist_dependency_conflicts

    conflict = get_dist_dependency_conflicts(instrumentation)
    if conflict is None:
        return f"yes, by {distribution} {instrumentation.version}"
    required = conflict.required or " or ".join(map(str, conflict.required_any or ()))
    return f"no, {distribution} {instrumentation.version} takes {required}"


def _unknown_instrumentors() -> list[str]:
    known = {hook for library in LIBRARIES for hook in (library.hook, library.contrib)} | {
        # Attached by modules of ours, or for apps to use themselves.
        f"opentelemetry.instrumentation.{name}"
        for name in (
            "aiohttp_server:AioHttpServerInstrumentor",
            "asyncio:AsyncioInstrumentor",
            "django:DjangoInstrumentor",
            "logging:LoggingInstrumentor",
            "system_metrics:SystemMetricsInstrumentor",
        )
    }
    return sorted(
        {entry.name for entry in metadata.entry_points(group="opentelemetry_instrumentor") if entry.value not in known}
    )
