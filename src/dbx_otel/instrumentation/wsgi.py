# SPDX-License-Identifier: Apache-2.0
"""WSGI apps (Flask, Django): the person's address on the server span."""

from types import ModuleType

from dbx_otel.instrumentation.client_address import correct_client_address


def instrument(module: ModuleType) -> None:
    """Correct the attributes that server spans are given.

    Args:
        module: `opentelemetry.instrumentation.wsgi`.
    """
    correct_client_address(module, module.wsgi_getter)
