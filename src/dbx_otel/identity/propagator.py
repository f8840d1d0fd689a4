# SPDX-License-Identifier: Apache-2.0
"""The propagator that reads the Apps proxy's headers of each request, and writes nothing, ever.

Every server instrumentation calls `extract` once a request: one mechanism for all frameworks.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
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
from dbx_otel.identity.headers import (
    ASGI_NAMES,
    WSGI_NAMES,
    Fields,
    RawValues,
    add_field,
    plain_request_id,
    read,
    values_of,
)
from dbx_otel.identity.model import NOBODY, Identity, from_forwarded
from dbx_otel.identity.policy import IdentityPolicy

_PEOPLE = 512
"""Most people who are remembered, so that their headers are not read anew in each request."""
_LONGEST_KEPT = 1024
"""Characters or bytes of the longest header that is remembered."""
_WANTED = frozenset(ASGI_NAMES)


class _UncommonError(Exception):
    """Headers are not such as to be remembered."""


class IdentityPropagator(TextMapPropagator):
    """Puts the identity of a request into its context.

    Args:
        policy: What may be believed and carried.
    """

    def __init__(self, policy: IdentityPolicy) -> None:
        self._policy = policy
        self._person = lru_cache(maxsize=_PEOPLE)(self._read_person)

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

    def identify_fields(self, fields: Fields, names: Sequence[Any]) -> Identity:
        """Return the identity of a request from its headers. Never raises.

        Args:
            fields: The headers.
            names: What the proxy's are called there: `ASGI_NAMES` or `WSGI_NAMES`.
        """
        if not self._policy.trusted:
            return NOBODY
        try:
            *who, sent_id, token = map(fields.get, names)
            request_id = plain_request_id(sent_id)
            if sent_id is not None and request_id is None:
                return self._from(values_of(fields, names))
            is_on_behalf = any(token) if isinstance(token, list) else bool(token)
            try:
                person = self._person(*who, is_on_behalf)
            except (_UncommonError, TypeError):
                return self._from(values_of(fields, names))
            return person if request_id is None else person.in_request(request_id)
        except Exception:
            # Whatever headers hold, the request goes on.
            return NOBODY

    def _read_person(self, *who: Any) -> Identity:
        """Read the headers that are the same in each request of a person; the token is not among them.

        Args:
            who: Values of the headers, in the order of their names, and whether there was a token.

        Raises:
            _UncommonError: The values are too long to be kept.
        """
        *values, is_on_behalf = who
        if any(isinstance(value, (str, bytes)) and len(value) > _LONGEST_KEPT for value in values):
            raise _UncommonError
        fields = dict(zip(ASGI_NAMES, [*values, None, is_on_behalf and b"present"], strict=True))
        return self._from(values_of(fields, ASGI_NAMES))

    def _read(self, carrier: Any, getter: Getter[Any]) -> Identity:
        if not self._policy.trusted:
            return NOBODY
        if isinstance(carrier, dict):
            if "wsgi.url_scheme" in carrier:
                return self.identify_fields(carrier, WSGI_NAMES)
            return self.identify_fields(_fields(carrier.get("headers", ())), ASGI_NAMES)
        raw_headers = getattr(carrier, "raw" if _is_starlettes(carrier) else "raw_headers", None)
        if raw_headers is not None:
            return self.identify_fields(_fields(raw_headers), ASGI_NAMES)
        return self._from(lambda name: getter.get(carrier, name) or ())

    def _from(self, values: RawValues) -> Identity:
        return from_forwarded(read(values), self._policy.mode, self._policy.key)

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
    of Tornado's and Starlette's are; FastAPI's own telemetry reads the last.
    """
    if isinstance(carrier, dict):
        return carrier.get("type") in ("http", "websocket") or "wsgi.url_scheme" in carrier
    if type(carrier).__module__ == "tornado.httputil" or _is_starlettes(carrier):
        return True
    return hasattr(carrier, "raw_headers")


def _is_starlettes(carrier: Any) -> bool:
    return type(carrier).__module__ == "starlette.datastructures"


def _fields(pairs: Iterable[tuple[bytes, bytes]]) -> Fields:
    """Return the proxy's headers among those of a request, as received.

    Getters decode by rules under which some values cannot be told apart.
    """
    fields: dict[bytes, Any] = {}
    for name, value in pairs:
        lower = name.lower()
        if lower in _WANTED:
            add_field(fields, lower, value)
    return fields
