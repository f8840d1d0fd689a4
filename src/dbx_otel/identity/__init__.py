# SPDX-License-Identifier: Apache-2.0
"""Who: the person behind a request, carried in the OpenTelemetry context and in nothing that leaves the process.

Baggage would hand e-mail addresses to every third party that the app calls, hence a private context key.
"""

from typing import Any

from opentelemetry.propagators.textmap import Getter

from dbx_otel.identity.context import current, stamp
from dbx_otel.identity.model import NOBODY, Identity
from dbx_otel.identity.policy import IdentityPolicy
from dbx_otel.identity.propagator import IdentityPropagator

__all__ = ["Identity", "current", "install", "is_behind_proxy", "of_request", "stamp"]

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


def is_behind_proxy() -> bool:
    """Tell whether a proxy stands in front, so that the peer of the socket is nobody's machine."""
    return _propagator is not None and _propagator.is_trusted


def of_request(carrier: Any, getter: Getter[Any]) -> Identity:
    """Return the identity of a request from its headers; nobody before `install`. Never raises.

    Args:
        carrier: The request.
        getter: Reads its headers.
    """
    return _propagator.identify(carrier, getter) if _propagator is not None else NOBODY
