# SPDX-License-Identifier: Apache-2.0
"""Reads what the Databricks Apps proxy says of a request. Headers are hostile input: nothing here raises for one.

Header names and formats: Databricks documentation, "HTTP headers passed to Databricks apps" and, for the token,
"Configure authorization in a Databricks app".

Outcome for each way in which a header can be bad (the header is left out, the others still count):

| reason | when |
|---|---|
| `too_long` | longer than any real value of its kind |
| `bad_encoding` | not UTF-8 |
| `control_character` | holds control, line-break, direction-changing or invisible characters |
| `duplicate` | sent more than once with different values, also when a server has joined them by commas |
| `malformed` | not an e-mail address, not an IP address, not an id |
"""

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from dbx_otel.characters import SURROGATES, UNSEEN

RawValues = Callable[[str], Sequence[str | bytes]]
"""Gives the values of a header by its lower-case name: as received (bytes) or as a server has decoded them."""

_TOKEN_HEADER = "x-forwarded-access-token"  # noqa: S105 -- the name of a header

_JOINERS = str.maketrans("", "", "\u200c\u200d")
_UNPRINTABLE = re.compile(f"[\x00-\x1f{UNSEEN}{SURROGATES}]")
_EMAIL = re.compile(r"[^@\s,;:<>()\[\]\\\"]{1,64}@[^@\s,;:<>()\[\]\\\"]{1,253}")
_ID = re.compile(r"[^\s,;]+")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]+")
_ID_BYTES = bytes(byte for byte in range(128) if _REQUEST_ID.fullmatch(chr(byte)))
_LONGEST_ID = 128


class Forwarded(NamedTuple):
    """What the proxy said of a request; `None` where it said nothing that can be used.

    Attributes:
        user_id: User identifier, in practice `{user_id}@{workspace_id}`.
        email: E-mail address by the identity provider.
        name: Name by the identity provider, for people to read.
        client_address: IP address of the person's machine.
        request_id: Id of the request.
        on_behalf_of: Whether the user's token came along. The token itself is never read.
        rejected: `header:reason` for each header that was not used.
    """

    user_id: str | None = None
    email: str | None = None
    name: str | None = None
    client_address: str | None = None
    request_id: str | None = None
    on_behalf_of: bool = False
    rejected: tuple[str, ...] = ()


class _Rejected(Exception):  # noqa: N818 -- an outcome, not an error
    """The header cannot be used; the argument is the reason."""


def _email(value: str) -> str:
    if _EMAIL.fullmatch(value) is None:
        raise _Rejected("malformed")
    return value


def _user_id(value: str) -> str:
    if _ID.fullmatch(value) is None:
        raise _Rejected("malformed")
    return value


def _name(value: str) -> str:
    return value


def _address(value: str) -> str:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise _Rejected("malformed") from None
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.scope_id is not None:
        raise _Rejected("malformed")  # a zone means something on one machine only, and may hold any text
    return str(address.ipv4_mapped or address)


def _request_id(value: str) -> str:
    if _REQUEST_ID.fullmatch(value) is None:
        raise _Rejected("malformed")
    return value


class _Header(NamedTuple):
    name: str
    field: str
    longest: int
    check: Callable[[str], str]
    joinable: bool = True
    """Whether a comma can only come from a server that joined repeated headers (RFC 9110, section 5.3)."""


_HEADERS = (
    _Header("x-forwarded-user", "user_id", 256, _user_id),
    _Header("x-forwarded-email", "email", 320, _email),
    _Header("x-forwarded-preferred-username", "name", 256, _name, joinable=False),
    _Header("x-real-ip", "client_address", 64, _address),
    _Header("x-request-id", "request_id", _LONGEST_ID, _request_id),
)


_NAMES = (*(header.name for header in _HEADERS), _TOKEN_HEADER)
ASGI_NAMES: Final = tuple(name.encode("ascii") for name in _NAMES)
"""What the proxy's headers are called in an ASGI scope; the request's id and the token are the last ones."""
WSGI_NAMES: Final = tuple(f"HTTP_{name.upper().replace('-', '_')}" for name in _NAMES)
"""Likewise, in a WSGI environ."""

Fields = Mapping[Any, Any]
"""Headers of a request by name: the value, or a list of the values of one that was sent more than once."""


def add_field(fields: dict[Any, Any], name: Any, value: Any) -> None:
    """Add a header to those of its request."""
    if name not in fields:
        fields[name] = value
    elif isinstance(fields[name], list):
        fields[name].append(value)
    else:
        fields[name] = [fields[name], value]


def values_of(fields: Fields, names: Sequence[Any]) -> RawValues:
    """Return what looks the proxy's headers up.

    Args:
        fields: Headers of the request.
        names: What the proxy's are called there: `ASGI_NAMES` or `WSGI_NAMES`.
    """
    by_name = dict(zip(_NAMES, names, strict=True))

    def values(name: str) -> Sequence[str | bytes]:
        value = fields.get(by_name[name])
        if value is None:
            return ()
        return value if isinstance(value, list) else (value,)

    return values


def plain_request_id(raw: Any) -> str | None:
    """Return a request's id as `read` would, if it is like nearly all are: nothing has to be stripped or undone.

    Args:
        raw: The header as received.
    """
    if isinstance(raw, bytes):
        return raw.decode("ascii") if 0 < len(raw) <= _LONGEST_ID and not raw.translate(None, _ID_BYTES) else None
    if isinstance(raw, str) and len(raw) <= _LONGEST_ID and _REQUEST_ID.fullmatch(raw):
        return raw
    return None


def read(values: RawValues) -> Forwarded:
    """Read the proxy's headers.

    Args:
        values: Looks a header up; may raise for a hostile one, which counts as `bad_encoding`.

    Returns:
        What was said. Never raises for what a header holds.
    """
    found: dict[str, str] = {}
    rejected: list[str] = []
    for header in _HEADERS:
        try:
            value = _value(header, values)
        except _Rejected as reason:
            rejected.append(f"{header.name}:{reason}")
            continue
        if value is not None:
            found[header.field] = value
    return Forwarded(**found, on_behalf_of=_present(values), rejected=tuple(rejected))


def _value(header: _Header, values: RawValues) -> str | None:
    try:
        received = list(values(header.name))
    except Exception:
        # A framework's own header reader stumbled over the value.
        raise _Rejected("bad_encoding") from None
    texts = {text for text in (_decode(raw, header.longest) for raw in received) if text}
    if not texts:
        return None
    if len(texts) > 1:
        raise _Rejected("duplicate")
    text = texts.pop()
    if header.joinable and "," in text:
        parts = {part.strip() for part in text.split(",")} - {""}
        if len(parts) != 1:
            raise _Rejected("duplicate")
        text = parts.pop()
    # Names are written with joiners in some scripts (Persian, Indic); ids and addresses are not.
    if _UNPRINTABLE.search(text if header.joinable else text.translate(_JOINERS)):
        raise _Rejected("control_character")
    return header.check(text)


def _decode(raw: str | bytes, longest: int) -> str:
    """Return the text of a header value.

    Servers hand header bytes on as latin-1 text (PEP 3333, "Unicode Issues"), so that text is turned back first; text
    that latin-1 cannot hold has been decoded already.
    """
    if not isinstance(raw, (str, bytes)):
        raise _Rejected("bad_encoding")  # a carrier that is no request
    # A character takes up to four bytes, twice that where a server has joined a repeated header.
    if len(raw) > longest * 8:
        raise _Rejected("too_long")
    try:
        text = raw.decode("utf-8") if isinstance(raw, bytes) else _undo_latin1(raw)
    except UnicodeDecodeError:
        raise _Rejected("bad_encoding") from None
    text = text.strip(" \t")
    if len(text) > longest:
        raise _Rejected("too_long")
    return text


def _undo_latin1(text: str) -> str:
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeEncodeError:
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise _Rejected("bad_encoding") from None
        return text


def _present(values: RawValues) -> bool:
    try:
        return any(values(_TOKEN_HEADER))
    except Exception:
        # An unreadable token is no token.
        return False
