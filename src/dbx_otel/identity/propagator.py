# SPDX-License-Identifier: Apache-2.0
"""The propagator that reads the Apps proxy's headers of each request, and writes nothing, ever.

Every server instrumentation calls `extract` once a request: one mechanism for all frameworks.
"""

from collections.abc import Sequence
from typing import Any

from opentelemetry.context import Context, get_current
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)

from dbx_otel.identity.context import request_of, with_identity
from dbx_otel.identity.headers import read
from dbx_otel.identity.model import NOBODY, Identity, from_forwarded
from dbx_otel.identity.policy import IdentityPolicy


class IdentityPropagator(TextMapPropagator):
    """Puts the identity of a request into its context.

    Args:
        policy: What may be believed and carried.
    """

    def __init__(self, policy: IdentityPolicy) -> None:
        self._policy = policy

    @property
    def policy(self) -> IdentityPolicy:
        """What may be believed and carried."""
        return self._policy

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        """Return the context with the identity of the request in it. Never raises.

        A carrier that is no request to a server, such as a message of a queue, says nothing of a person: whoever can
        send one would be anyone.
        """
        identity = self.identify(carrier, getter)
        if identity is None:
            return context if context is not None else get_current()
        return with_identity(identity, context)

    def identify(self, carrier: Any, getter: Getter[Any] = default_getter) -> Identity | None:
        """Return the identity of a request, or `None` where a carrier is none. Never raises."""
        try:
            if not is_server_request(carrier):
                return None
            request = request_of()
            if request is None:
                return self._read(carrier, getter)
            if request.identity is None:
                request.identity = self._read(carrier, getter)
            return request.identity
        except Exception:
            # Whatever a carrier does, the request goes on.
            return NOBODY

    def _read(self, carrier: Any, getter: Getter[Any]) -> Identity:
        if not self._policy.trusted:
            return NOBODY
        forwarded = read(lambda name: _raw_values(carrier, getter, name))
        return from_forwarded(forwarded, self._policy.mode, self._policy.key)

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Write nothing: identity must not reach whom the app calls."""

    @property
    def fields(self) -> set[str]:
        """No header is ever written."""
        return set()


def is_server_request(carrier: Any) -> bool:
    """Tell whether a carrier is a request that a server has received.

    ASGI scopes (ASGI specification, "HTTP & WebSocket"), WSGI environs (PEP 3333), aiohttp's requests and the headers
    of Tornado's are.
    """
    if isinstance(carrier, dict):
        return carrier.get("type") in ("http", "websocket") or "wsgi.url_scheme" in carrier
    return type(carrier).__module__ == "tornado.httputil" or hasattr(carrier, "raw_headers")


def _raw_values(carrier: Any, getter: Getter[Any], name: str) -> Sequence[str | bytes]:
    """Return a header's values, as received where the carrier still has the bytes.

    ASGI scopes and aiohttp requests do; their getters decode by rules under which some values cannot be told apart.
    """
    wanted = name.encode("ascii")
    if isinstance(carrier, dict) and "headers" in carrier:
        return [value for key, value in carrier["headers"] if key.lower() == wanted]
    raw_headers = getattr(carrier, "raw_headers", None)
    if raw_headers is not None:
        return [value for key, value in raw_headers if key.lower() == wanted]
    return getter.get(carrier, name) or ()
