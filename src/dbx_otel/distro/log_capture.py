# SPDX-License-Identifier: Apache-2.0
"""Tells the log pipeline what it needs to know, when the first logging library is imported. The SDK comes later."""

import os
import sys
from typing import TYPE_CHECKING

from dbx_otel import distro, semconv
from dbx_otel.logs import pipeline
from dbx_otel.settings import APP_NAME_VARIABLE, load, resolved_stdout

if TYPE_CHECKING:
    from dbx_otel.identity import Identity
    from dbx_otel.logs.otlp import Outlet


_sender: "Outlet | None" = None


def send_to(outlet: "Outlet") -> None:
    """Set where log events go to be sent.

    Args:
        outlet: Takes them.
    """
    global _sender  # noqa: PLW0603 -- one process has one
    _sender = outlet


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
        get_outlet=_outlet,
        identity=_identity,
    )


def _outlet() -> "Outlet | None":
    distro.start(wait=True)
    return _sender


def _identity() -> "Identity | None":
    context = sys.modules.get("dbx_otel.identity.context")
    return context.current() if context is not None else None
