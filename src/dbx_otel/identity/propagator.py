# SPDX-License-Identifier: Apache-2.0
"""The propagator that reads the Apps proxy's headers of each request, and writes nothing, ever.

Every server instrumentation calls `extract` once a request: one mechanism for all frameworks.
"""

from collections.abc import Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)

from dbx_otel import settings
from dbx_otel.identity.context import with_identity
from dbx_otel.identity.headers import read
from dbx_otel.identity.model import NOBODY, Identity, from_forwarded
from dbx_otel.identity.policy import IdentityPolicy, decide


class IdentityPropagator(TextMapPropagator):
    """Puts the identity of a request into its context.

    Args:
        policy: What may be believed and carried; taken from the environment if `None`.
    """

    def __init__(self, policy: IdentityPolicy | None = None) -> None:
        self._policy = policy if policy is not None else decide(settings.load()[0])[0]

    @property
    def is_trusted(self) -> bool:
        """Whether a proxy that overwrites the headers stands in front."""
        return self._policy.trusted

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        """Return the context with the identity of the request in it. Never raises."""
        return with_identity(self.identify(carrier, getter), context)

    def identify(self, carrier: CarrierT, getter: Getter[CarrierT] = default_getter) -> Identity:
        """Return the identity of a request. Never raises."""
        if not self._policy.trusted:
            return NOBODY
        try:
            forwarded = read(lambda name: _raw_values(carrier, getter, name))
            return from_forwarded(forwarded, self._policy.mode, self._policy.key)
        except Exception:
            # Whatever a carrier does, the request goes on.
            return NOBODY

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
