# SPDX-License-Identifier: Apache-2.0
"""Which app, workspace, deployment and process telemetry comes from."""

import os
from collections.abc import Mapping

from opentelemetry.sdk.resources import OTELResourceDetector, Resource

from dbx_otel import __version__, semconv
from dbx_otel.settings import APP_NAME_VARIABLE, Settings


def build_resource(settings: Settings, environ: Mapping[str, str] = os.environ) -> Resource:
    """Return the resource: what the environment says wins, what we know is added, nothing is replaced.

    Args:
        settings: The settings.
        environ: The environment; the platform injects `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME`.
    """
    ours = {
        semconv.DATABRICKS_APP_NAME: environ.get(APP_NAME_VARIABLE),
        semconv.DATABRICKS_WORKSPACE_ID: environ.get("DATABRICKS_WORKSPACE_ID"),
        semconv.DATABRICKS_CLIENT_ID: environ.get("DATABRICKS_CLIENT_ID"),
        semconv.DATABRICKS_DEPLOYMENT_ID: settings.deployment_id,
        semconv.SERVICE_VERSION: settings.deployment_id,
    }
    distro = {
        semconv.TELEMETRY_DISTRO_NAME: "dbx-otel",
        semconv.TELEMETRY_DISTRO_VERSION: __version__,
    }
    said = OTELResourceDetector().detect().attributes
    known = {name: value for name, value in ours.items() if value and name not in said}
    app_name = environ.get(APP_NAME_VARIABLE)
    if app_name and semconv.SERVICE_NAME not in said:
        known[semconv.SERVICE_NAME] = app_name
    return Resource.create({**known, **distro})
