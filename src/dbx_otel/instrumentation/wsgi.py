# SPDX-License-Identifier: Apache-2.0
"""WSGI apps (Flask, Django): attributes of the server span that are right."""

from types import ModuleType

from dbx_otel.instrumentation.request_attributes import correct_request_attributes


def instrument(module: ModuleType) -> None:
    """Correct the attributes that server spans are given.

    Args:
        module: `opentelemetry.instrumentation.wsgi`.
    """
    correct_request_attributes(module, module.wsgi_getter)
