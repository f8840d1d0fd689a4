# SPDX-License-Identifier: Apache-2.0
"""Which app, workspace, deployment and process telemetry comes from.

What the environment says wins, what we know is added, nothing is replaced.
"""

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from dbx_otel import __version__, diagnostics, semconv
from dbx_otel.otlp.model import Resource
from dbx_otel.settings import APP_NAME_VARIABLE, Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource as SdkResource

_DETECTORS = "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS"
_OWN_DETECTORS = {"", "otel", "service_instance"}


def describe(settings: Settings, environ: Mapping[str, str] = os.environ) -> Resource:
    """Return the resource of this process, without the SDK where no detector of its is asked for.

    Args:
        settings: The settings.
        environ: The environment; the platform injects `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME`.
    """
    if not {name.strip() for name in environ.get(_DETECTORS, "").split(",")} <= _OWN_DETECTORS:
        found = build_resource(settings, environ)
        return Resource({**found.attributes, **_SDK}, found.schema_url)
    said = _said(environ)
    executable = os.path.basename(sys.executable or "")  # noqa: PTH119 -- pathlib is not needed otherwise
    default_name = f"unknown_service:{executable}" if executable else "unknown_service"
    attributes = {
        semconv.SERVICE_NAME: default_name,
        semconv.SERVICE_INSTANCE_ID: _new_instance_id(),
        **_SDK,
        **said,
        **_known(settings, environ, said),
        **_DISTRO,
    }
    attributes[semconv.SERVICE_NAME] = attributes[semconv.SERVICE_NAME] or default_name
    return Resource(attributes)


def renew(resource: Resource, environ: Mapping[str, str] = os.environ) -> None:
    """Give a forked child an instance id of its own, unless the environment names one for all.

    Args:
        resource: The resource, which is changed.
        environ: The environment.
    """
    if semconv.SERVICE_INSTANCE_ID not in _said(environ):
        # Another mapping: what has been encoded of the one before is known by it.
        resource.attributes = {**resource.attributes, semconv.SERVICE_INSTANCE_ID: _new_instance_id()}


def build_resource(settings: Settings, environ: Mapping[str, str] = os.environ) -> "SdkResource":
    """Return the resource as the SDK makes it, by its detectors.

    Args:
        settings: The settings.
        environ: The environment, as above.
    """
    from opentelemetry.sdk.resources import OTELResourceDetector
    from opentelemetry.sdk.resources import Resource as SdkResource

    said = OTELResourceDetector().detect().attributes
    return SdkResource.create({**_known(settings, environ, said), **_DISTRO})


_DISTRO = {
    semconv.TELEMETRY_DISTRO_NAME: "dbx-otel",
    semconv.TELEMETRY_DISTRO_VERSION: __version__,
}

# An implementation that is not OpenTelemetry's own names itself (semantic conventions, "Telemetry SDK").
_SDK = {
    semconv.TELEMETRY_SDK_LANGUAGE: "python",
    semconv.TELEMETRY_SDK_NAME: "dbx_otel",
    semconv.TELEMETRY_SDK_VERSION: __version__,
}


def _known(settings: Settings, environ: Mapping[str, str], said: Mapping[str, Any]) -> dict[str, str]:
    """Return what we know and the environment has not said."""
    ours = {
        semconv.DATABRICKS_APP_NAME: environ.get(APP_NAME_VARIABLE),
        semconv.DATABRICKS_WORKSPACE_ID: environ.get("DATABRICKS_WORKSPACE_ID"),
        semconv.DATABRICKS_CLIENT_ID: environ.get("DATABRICKS_CLIENT_ID"),
        semconv.DATABRICKS_DEPLOYMENT_ID: settings.deployment_id,
        semconv.SERVICE_VERSION: settings.deployment_id,
        semconv.SERVICE_NAME: environ.get(APP_NAME_VARIABLE),
    }
    return {name: value for name, value in ours.items() if value and name not in said}


def _said(environ: Mapping[str, str]) -> dict[str, str]:
    """Read the attributes that the environment gives (OpenTelemetry specification, "Resource SDK", environment)."""
    said: dict[str, str] = {}
    for item in environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        name, sign, value = item.partition("=")
        if sign and name.strip():
            said[name.strip()] = unquote(value.strip())
        elif item.strip():
            diagnostics.say(
                f"an entry of OTEL_RESOURCE_ATTRIBUTES is {item.strip()[:100]!r}, which is not name=value and is left "
                f"out. Remedy: write name=value,name=value, with what is special in a value URL-encoded"
            )
    service_name = environ.get("OTEL_SERVICE_NAME", "")
    if service_name:
        said[semconv.SERVICE_NAME] = service_name
    return said


def _new_instance_id() -> str:
    """Return a random UUID (RFC 9562, version 4) without `uuid`, which asks the operating system what it is first."""
    bits = int.from_bytes(os.urandom(16), "big")
    bits = bits & ~(0xF << 76) | 4 << 76
    bits = bits & ~(0x3 << 62) | 2 << 62
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
