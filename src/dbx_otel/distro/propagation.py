# SPDX-License-Identifier: Apache-2.0
"""What is read from incoming requests: trace context as configured, and identity. Only the former is ever written."""

import os
from importlib import import_module

from opentelemetry.propagators.composite import CompositePropagator

from dbx_otel import diagnostics, identity
from dbx_otel.identity.policy import IdentityPolicy

_VARIABLE = "OTEL_PROPAGATORS"
_MODULE = "opentelemetry.propagate"


def configure(policy: IdentityPolicy) -> None:
    """Add identity to the propagators of `OTEL_PROPAGATORS`, whatever they are.

    Args:
        policy: What may be believed and carried.
    """
    from opentelemetry import propagate

    configured = propagate.get_global_textmap()
    propagate.set_global_textmap(CompositePropagator([configured, identity.install(policy)]))


def import_propagators() -> None:
    """Import `opentelemetry.propagate`, which a bad value of `OTEL_PROPAGATORS` keeps from being imported.

    All of OpenTelemetry's instrumentations import it: to be called before the first of them is.
    """
    try:
        import_module(_MODULE)  # it reads the variable now
    except Exception as error:
        value = os.environ.pop(_VARIABLE, None)
        if value is None:
            raise
        try:
            import_module(_MODULE)
        finally:
            os.environ[_VARIABLE] = value
        why = str(error).rstrip(".")
        diagnostics.say(
            f"{_VARIABLE} is {value[:200]!r}, which cannot be used ({why}); used instead: tracecontext,baggage. "
            f"Remedy: correct it, or install the package that brings the propagator"
        )
