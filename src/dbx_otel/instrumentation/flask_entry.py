# SPDX-License-Identifier: Apache-2.0
"""Flask: a request begins and ends in a context of its own, whoever makes its span."""

from types import ModuleType

from dbx_otel.instrumentation.wsgi_entry import serving


def instrument(module: ModuleType) -> None:
    """Wrap the entry of every application.

    Args:
        module: `flask`.
    """
    flask = module.app.Flask
    flask.__call__ = serving(flask.__call__)
