# SPDX-License-Identifier: Apache-2.0
"""Attaches the catalog's instrumentations, each on its own: one that fails is reported once and touches no other.

Each is attached when its library has been imported, or, where the catalog says so, when the app first uses it.
"""

from __future__ import annotations

import sys

from dbx_otel.instrumentation import first_use, lifecycle
from dbx_otel.instrumentation.catalog import LIBRARIES, LOGS, SDK, Library
from dbx_otel.instrumentation.post_import import when_imported

TYPE_CHECKING = False  # as `typing` has it, without importing typing
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from dbx_otel.instrumentation.post_import import Hook


def watch() -> None:
    """Wait for every library of the catalog. Imports none of them."""
    for library in LIBRARIES:
        when_imported(library.module, _hook(library))


def _hook(library: Library) -> Hook:
    return lambda module: _attach_in_time(library, module)


def _attach_in_time(library: Library, module: ModuleType) -> None:
    """Instrument a library that has just been imported, or see to it that its first use does. Never raises."""
    if not library.first_use:
        _attach(library, module)
    elif not lifecycle.disables(library.name):
        first_use.wait_for(library.first_use, module, lambda: _attach(library, module))


def _attach(library: Library, module: ModuleType) -> None:
    """Instrument a library that has been imported. Never raises."""
    from importlib import import_module

    try:
        if lifecycle.disables(library.name):
            return
        if library.contrib and lifecycle.wants_contrib(library.name):
            library = library.by_contrib()
        name = library.hook.partition(":")[0]
        if library.is_contrib and not _is_installed(name):
            return
        # Before the hook is imported: modules of OpenTelemetry's read variables then, which the start has looked at.
        if library.needs == SDK and not lifecycle.start_sdk():
            return
        hook = import_module(name)
        if library.needs == LOGS:
            lifecycle.prepare_logs()
        if library.is_contrib:
            _attach_contrib(library, hook)
        else:
            hook.instrument(module)
    except Exception as error:
        # Where the SDK cannot start either, it has said so, and for all libraries at once.
        if library.needs != SDK or lifecycle.start_sdk():
            _report(library, error)


def _is_installed(name: str) -> bool:
    """Tell whether there is an instrumentation; where there is none, nothing is said: `--explain` does that."""
    from importlib.util import find_spec

    try:
        return name in sys.modules or find_spec(name) is not None
    except ModuleNotFoundError:
        return False  # nor is what it would be part of


def _attach_contrib(library: Library, hook: Any) -> None:
    instrumentor = getattr(hook, library.hook.partition(":")[2])()
    if not instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.instrument(raise_exception_on_conflict=True)


def _report(library: Library, error: Exception) -> None:
    from dbx_otel import diagnostics

    conflict = getattr(error, "conflict", None)
    if conflict is not None:
        required = conflict.required or " or ".join(map(str, conflict.required_any or ()))
        found = conflict.found or ", ".join(conflict.found_any or ()) or "no such package"
        diagnostics.say(
            f"{library.name} is not instrumented: its instrumentation takes {required}, installed is {found}. "
            f"Everything else is. Remedy: install a version in that range, a newer dbx-otel, or set "
            f"DBX_OTEL_DISABLED_INSTRUMENTATIONS={library.name} to silence this"
        )
        return
    diagnostics.say(
        f"{library.name} is not instrumented: {type(error).__name__}: {error}. Everything else is. "
        f"Remedy: report this with the versions that `dbx-otel-run --explain` shows, or set "
        f"DBX_OTEL_DISABLED_INSTRUMENTATIONS={library.name} to silence it"
    )
