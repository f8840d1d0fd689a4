# SPDX-License-Identifier: Apache-2.0
"""What instrumentations ask of the distribution above them: to be started, and whether they are wanted."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as `typing` has it, without importing typing
if TYPE_CHECKING:
    from collections.abc import Callable

_DISABLED = ("DBX_OTEL_DISABLED_INSTRUMENTATIONS", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS")
_BY_CONTRIB = ("DBX_OTEL_CONTRIB_INSTRUMENTATIONS",)

_start: Callable[[], bool] | None = None
_prepare_logs: Callable[[], None] | None = None
_disabled: frozenset[str] | None = None
_by_contrib: frozenset[str] | None = None


def start_with(start: Callable[[], bool]) -> None:
    """Set what starts the SDK. It must not wait for another thread: import hooks call it.

    Args:
        start: Starts the SDK, once a process, and tells whether that went well, as far as is known. Does not raise.
    """
    global _start  # noqa: PLW0603 -- one process has one distribution
    _start = start


def start_sdk() -> bool:
    """Start the SDK if it is not started: something is about to happen that telemetry can come of.

    Returns:
        False where it could not be started, which has been reported: instrumenting would be for nothing.
    """
    return _start is None or _start()


def prepare_logs_with(prepare: Callable[[], None]) -> None:
    """Set what readies the log pipeline.

    Args:
        prepare: Readies it; called at most once.
    """
    global _prepare_logs  # noqa: PLW0603 -- one process has one distribution
    _prepare_logs = prepare


def prepare_logs() -> None:
    """Ready the log pipeline if it is not: a logging library has been imported."""
    global _prepare_logs
    prepare, _prepare_logs = _prepare_logs, None
    if prepare is not None:
        prepare()


def disables(name: str) -> bool:
    """Tell whether the settings leave an instrumentation out.

    Args:
        name: Name of the instrumentation in the catalog.
    """
    global _disabled  # noqa: PLW0603 -- read once
    if _disabled is None:
        _disabled = _names_in(_DISABLED)
    return name in _disabled or "*" in _disabled


def wants_contrib(name: str) -> bool:
    """Tell whether the settings ask for OpenTelemetry's instrumentation of a library, or for names that ours knows not.

    Args:
        name: Name of the instrumentation in the catalog.
    """
    global _by_contrib  # noqa: PLW0603 -- read once
    if _by_contrib is None:
        _by_contrib = _names_in(_BY_CONTRIB) if _names_are_stable() else frozenset("*")
    return name in _by_contrib or "*" in _by_contrib


def _names_are_stable() -> bool:
    """Tell whether telemetry of HTTP is to have its stable names alone, the only ones that hooks of ours know."""
    chosen = {part.strip() for part in os.environ.get("OTEL_SEMCONV_STABILITY_OPT_IN", "http").split(",")}
    return "http" in chosen and "http/dup" not in chosen


def _names_in(variables: tuple[str, ...]) -> frozenset[str]:
    """Return the names that stand in variables; `settings` says what they mean, too late and too dear for here."""
    names = ",".join(os.environ.get(variable, "") for variable in variables)
    return frozenset(part.strip() for part in names.split(","))
