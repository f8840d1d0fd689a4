# SPDX-License-Identifier: Apache-2.0
"""Tells the log pipeline what it needs to know, when the first logging library is imported. The SDK comes later."""

import os
import sys
from typing import TYPE_CHECKING

from dbx_otel import distro, semconv
from dbx_otel.logs import pipeline
from dbx_otel.settings import APP_NAME_VARIABLE, load, resolved_stdout

if TYPE_CHECKING:
    from opentelemetry._logs import LoggerProvider

    from dbx_otel.identity import Identity


def prepare() -> None:
    """Install the pipeline: standard output at once, OTLP from the first record on."""
    settings, _ = load()
    app_name = os.environ.get(APP_NAME_VARIABLE, "")
    pipeline.install(
        settings,
        mode=resolved_stdout(settings),
        # All that is known before the SDK has built the resource.
        resource={
            semconv.SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME") or app_name,
            semconv.DATABRICKS_APP_NAME: app_name,
            semconv.DATABRICKS_WORKSPACE_ID: os.environ.get("DATABRICKS_WORKSPACE_ID", ""),
        },
        get_logger_provider=_logger_provider,
        identity=_identity,
    )


def _logger_provider() -> "LoggerProvider | None":
    distro.start(wait=True)
    logs = sys.modules.get("dbx_otel.distro.logs")
    return logs.provider() if logs is not None else None


def _identity() -> "Identity | None":
    context = sys.modules.get("dbx_otel.identity.context")
    return context.current() if context is not None else None
