# SPDX-License-Identifier: Apache-2.0
"""HTTP metrics of the hooks: those of OpenTelemetry's instrumentations, to the letter.

Names, units, descriptions and buckets are those of opentelemetry-instrumentation-asgi, -flask, -wsgi, -requests and
-httpx 0.66b1 with `OTEL_SEMCONV_STABILITY_OPT_IN=http`; a test compares them. Each hook gives the scope that it is of.
"""

from typing import Any, Final

from dbx_otel.metrics import instruments
from dbx_otel.metrics.synchronous import Histogram, UpDownCounter

DURATION_BOUNDARIES: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Seconds (OpenTelemetry semantic conventions, "HTTP metrics")."""


def server_request_duration(scope: Any) -> Histogram:
    """Return the histogram of how long requests to this server take, in seconds: ASGI, Flask, WSGI.

    Args:
        scope: The library that measures.
    """
    return instruments.histogram(
        scope, "http.server.request.duration", "s", "Duration of HTTP server requests.", DURATION_BOUNDARIES
    )


def server_active_requests(scope: Any) -> UpDownCounter:
    """Return the counter of requests that this server is at: ASGI, Flask, WSGI.

    Args:
        scope: The library that measures.
    """
    return instruments.up_down_counter(
        scope, "http.server.active_requests", "{request}", "Number of active HTTP server requests."
    )


def server_request_body_size(scope: Any) -> Histogram:
    """Return the histogram of the size of requests' bodies, in bytes: ASGI only.

    Args:
        scope: The library that measures.
    """
    return instruments.histogram(scope, "http.server.request.body.size", "By", "Size of HTTP server request bodies.")


def server_response_body_size(scope: Any) -> Histogram:
    """Return the histogram of the size of responses' bodies, in bytes: ASGI only.

    Args:
        scope: The library that measures.
    """
    return instruments.histogram(scope, "http.server.response.body.size", "By", "Size of HTTP server response bodies.")


def client_request_duration(scope: Any) -> Histogram:
    """Return the histogram of how long calls of this client take, in seconds: requests, httpx.

    Nothing is recorded where instrumentation is suppressed, as it is where telemetry itself is sent.

    Args:
        scope: The library that measures.
    """
    return instruments.histogram(
        scope,
        "http.client.request.duration",
        "s",
        "Duration of HTTP client requests.",
        DURATION_BOUNDARIES,
        heeds_suppression=True,
    )
