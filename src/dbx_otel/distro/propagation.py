# SPDX-License-Identifier: Apache-2.0
"""What is read from incoming requests: trace context as configured, and identity. Only the former is ever written."""

from opentelemetry import propagate
from opentelemetry.propagators.composite import CompositePropagator

from dbx_otel import identity
from dbx_otel.identity.policy import IdentityPolicy


def configure(policy: IdentityPolicy) -> None:
    """Add identity to the propagators of `OTEL_PROPAGATORS`, whatever they are.

    Args:
        policy: What may be believed and carried.
    """
    configured = propagate.get_global_textmap()
    propagate.set_global_textmap(CompositePropagator([configured, identity.install(policy)]))
