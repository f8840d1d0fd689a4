# SPDX-License-Identifier: Apache-2.0
"""The private place of identity in the OpenTelemetry context: follows threads and tasks, never leaves the process."""

from opentelemetry.context import Context, create_key, get_value, set_value
from opentelemetry.trace import Span

from dbx_otel.identity.model import Identity

_KEY = create_key("dbx-otel-identity")


def current(context: Context | None = None) -> Identity | None:
    """Return the identity in a context, or `None` where no request is being worked for.

    Args:
        context: The context to look into; the current one if `None`.
    """
    identity = get_value(_KEY, context)
    return identity if isinstance(identity, Identity) else None


def with_identity(identity: Identity, context: Context | None = None) -> Context:
    """Return a copy of a context that carries an identity.

    Args:
        identity: The identity to carry.
        context: The context to copy; the current one if `None`.
    """
    return set_value(_KEY, identity, context)


def stamp(span: Span, context: Context | None = None) -> None:
    """Set the identity of a context on a span, if there is one.

    Args:
        span: The span.
        context: Where the identity is; the current context if `None`.
    """
    identity = current(context)
    if identity is not None:
        span.set_attributes(identity.attributes)
