# SPDX-License-Identifier: Apache-2.0
"""Who: the person behind a request, carried in the OpenTelemetry context and in nothing that leaves the process.

Baggage would hand e-mail addresses to every third party that the app calls, hence a private context key.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry.context import Context, attach
from opentelemetry.propagators.textmap import Getter

from dbx_otel.identity.context import begun, current, for_thread, leave, with_identity
from dbx_otel.identity.headers import ASGI_NAMES, WSGI_NAMES, Fields, add_field
from dbx_otel.identity.model import NOBODY, Identity
from dbx_otel.identity.policy import IdentityPolicy
from dbx_otel.identity.propagator import IdentityPropagator
from dbx_otel.identity.request import Request
from dbx_otel.settings import IdentityMode

__all__ = [
    "ASGI_NAMES",
    "WSGI_NAMES",
    "Identity",
    "Request",
    "add_field",
    "begun",
    "current",
    "for_thread",
    "install",
    "leave",
    "of_fields",
    "of_request",
    "policy_in_force",
    "serving",
    "with_identity",
]

_propagator: IdentityPropagator | None = None


def install(policy: IdentityPolicy) -> IdentityPropagator:
    """Decide for this process what is believed and carried.

    Args:
        policy: The decision.

    Returns:
        The propagator to add to the global ones.
    """
    global _propagator  # noqa: PLW0603 -- one process stands behind one proxy
    _propagator = IdentityPropagator(policy)
    return _propagator


def policy_in_force() -> IdentityPolicy:
    """Return what is believed and carried in this process; nothing before `install`."""
    return _propagator.policy if _propagator is not None else IdentityPolicy(trusted=False, mode=IdentityMode.FULL)


def of_request(carrier: Any, getter: Getter[Any]) -> Identity:
    """Return the identity of a request from its headers; nobody before `install`. Never raises.

    Args:
        carrier: The request.
        getter: Reads its headers.
    """
    identity = _propagator.identify(carrier, getter) if _propagator is not None else None
    return identity if identity is not None else NOBODY


def of_fields(fields: Fields, names: Sequence[Any]) -> Identity:
    """Return the identity of a request from its headers; nobody before `install`. Never raises.

    Args:
        fields: The headers, by name; a list of the values of one that was sent more than once.
        names: What the proxy's are called there: `ASGI_NAMES` or `WSGI_NAMES`.
    """
    return _propagator.identify_fields(fields, names) if _propagator is not None else NOBODY


@contextmanager
def serving(context: Context | None = None) -> Iterator[None]:
    """Work for one request inside of the block, and for nothing that was current before it.

    A server may take a request up in the context of another: of the one before it on the connection, of the code that
    runs the server, of the first request of all where that has started a thread.

    Args:
        context: What the request goes on with, where it is work that an earlier one has left behind.
    """
    request = Request()
    token = attach(begun(request, context))
    try:
        yield
    finally:
        request.has_ended = True
        leave(token)
