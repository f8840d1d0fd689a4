# SPDX-License-Identifier: Apache-2.0
"""Instrumentations that do nothing of use unless their own variables say what: attached where those are set."""

import os
from collections.abc import Callable
from typing import Any

from dbx_otel import diagnostics
from dbx_otel.instrumentation import lifecycle


def attach() -> None:
    """Attach those that are asked for. Never raises."""
    for name, variables, make in (
        ("logging", ("OTEL_PYTHON_LOG_CORRELATION",), _logging),
        (
            "asyncio",
            (
                "OTEL_PYTHON_ASYNCIO_COROUTINE_NAMES_TO_TRACE",
                "OTEL_PYTHON_ASYNCIO_FUTURE_TRACE_ENABLED",
                "OTEL_PYTHON_ASYNCIO_TO_THREAD_FUNCTION_NAMES_TO_TRACE",
            ),
            _asyncio,
        ),
    ):
        if any(os.environ.get(variable) for variable in variables) and not lifecycle.disables(name):
            _attach(name, make)


def _attach(name: str, make: Callable[[], Any]) -> None:
    try:
        instrumentor = make()
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument()
    except Exception as error:
        # One that fails is not the others' affair.
        diagnostics.say(f"{name} is not instrumented: {type(error).__name__}: {error}")


def _logging() -> Any:
    """Give the app's own formatters `otelTraceID` and the like; records are taken by `dbx_otel.logs`."""
    from opentelemetry.instrumentation.logging import LoggingInstrumentor

    return LoggingInstrumentor()


def _asyncio() -> Any:
    from opentelemetry.instrumentation.asyncio import AsyncioInstrumentor

    return AsyncioInstrumentor()
