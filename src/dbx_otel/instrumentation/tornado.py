# SPDX-License-Identifier: Apache-2.0
"""Tornado: attributes of the server span that are right."""

from types import ModuleType

from opentelemetry.propagators.textmap import default_getter

from dbx_otel.instrumentation.request_attributes import correct_request_attributes


def instrument(module: ModuleType) -> None:
    """Correct the attributes that server spans are given.

    Args:
        module: `opentelemetry.instrumentation.tornado`.
    """
    correct_request_attributes(
        module,
        default_getter,
        function="_get_attributes_from_request",
        carrier=lambda request: request.headers,
    )
