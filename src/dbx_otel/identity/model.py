# SPDX-License-Identifier: Apache-2.0
"""What is known of the person behind a request, in the form in which telemetry carries it."""

import hashlib
import hmac
from dataclasses import dataclass, field
from types import MappingProxyType

from dbx_otel import semconv
from dbx_otel.identity.headers import Forwarded
from dbx_otel.settings import IdentityMode

AttributeValue = str | bool | tuple[str, ...]

SOURCE_NONE = "none"
SOURCE_PROXY_HEADER = "proxy_header"


@dataclass(frozen=True, slots=True)
class Identity:
    """A person, as far as the settings let telemetry know.

    Attributes:
        source: How identity is known: `proxy_header` or `none`.
        user: `id`, `email`, `name`, or `hash` alone; empty when nobody is known.
        client_address: Address of the person's machine, not of the proxy.
        attributes: All of it as span and log record attributes.
    """

    source: str
    user: MappingProxyType[str, str] = field(default_factory=lambda: MappingProxyType({}))
    client_address: str | None = None
    attributes: MappingProxyType[str, AttributeValue] = field(default_factory=lambda: MappingProxyType({}))

    def in_request(self, request_id: str) -> "Identity":
        """Return the same person in another request.

        Args:
            request_id: Id of the request.
        """
        attributes = self.attributes | {semconv.DATABRICKS_REQUEST_ID: request_id}
        return Identity(self.source, self.user, self.client_address, MappingProxyType(attributes))


NOBODY = Identity(SOURCE_NONE, attributes=MappingProxyType({semconv.DATABRICKS_IDENTITY_SOURCE: SOURCE_NONE}))
"""Identity of a request whose headers are not to be believed."""

_USER_ATTRIBUTES = {
    "id": semconv.USER_ID,
    "email": semconv.USER_EMAIL,
    "name": semconv.USER_NAME,
    "hash": semconv.USER_HASH,
}


def from_forwarded(forwarded: Forwarded, mode: IdentityMode, key: bytes | None) -> Identity:
    """Turn believed headers into an identity.

    Args:
        forwarded: What the proxy said.
        mode: How much of it telemetry may carry.
        key: Key of the hash; without one, mode `hash` carries nobody.

    Returns:
        The identity; its source is `none` when no header names a person or the mode hides everybody.
    """
    user = _user(forwarded, mode, key)
    address = forwarded.client_address if mode is not IdentityMode.OFF else None
    source = SOURCE_PROXY_HEADER if user else SOURCE_NONE
    attributes: dict[str, AttributeValue] = {semconv.DATABRICKS_IDENTITY_SOURCE: source}
    attributes.update((_USER_ATTRIBUTES[part], value) for part, value in user.items())
    if address is not None:
        attributes[semconv.CLIENT_ADDRESS] = address
    if forwarded.request_id is not None:
        attributes[semconv.DATABRICKS_REQUEST_ID] = forwarded.request_id
    if forwarded.on_behalf_of:
        attributes[semconv.DATABRICKS_ON_BEHALF_OF] = True
    if forwarded.rejected:
        attributes[semconv.DATABRICKS_IDENTITY_REJECTED] = forwarded.rejected
    return Identity(source, MappingProxyType(user), address, MappingProxyType(attributes))


def _user(forwarded: Forwarded, mode: IdentityMode, key: bytes | None) -> dict[str, str]:
    if mode is IdentityMode.FULL:
        parts = {"id": forwarded.user_id, "email": forwarded.email, "name": forwarded.name}
        return {part: value for part, value in parts.items() if value is not None}
    if mode is IdentityMode.HASH and key is not None:
        # The e-mail first: it is what system.access.audit knows people by, so the owner of the key can find them there.
        name = forwarded.email or forwarded.user_id or forwarded.name
        return {"hash": user_hash(name, key)} if name is not None else {}
    return {}


def user_hash(name: str, key: bytes) -> str:
    """Return the keyed hash of a person: HMAC-SHA256 (RFC 2104) of the case-folded name, in hexadecimal.

    Args:
        name: E-mail address, or the user id where there is none, or the display name (which need not be one person's
            alone) where there is neither.
        key: The secret key. The same key and name give the same hash in every app.
    """
    return hmac.new(key, name.casefold().encode("utf-8"), hashlib.sha256).hexdigest()
