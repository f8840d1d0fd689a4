# SPDX-License-Identifier: Apache-2.0
"""What server spans say of a request, by OpenTelemetry's stable names: shared by the hooks of ASGI and WSGI apps.

Rules: OpenTelemetry semantic conventions, "HTTP server span", where opentelemetry-instrumentation-asgi and -wsgi 0.66b1
follow them; where those do not, the tests in `tests/comparison` name the difference.
"""

import os
import re
from collections.abc import Callable, Iterable, MutableMapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, NamedTuple

from opentelemetry.trace import Span, Status, StatusCode

from dbx_otel import diagnostics, identity, semconv
from dbx_otel.settings import IdentityMode
from dbx_otel.tracing.events import described

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.21.0"

_ERROR = Status(StatusCode.ERROR)
_FIRST_SERVER_ERROR = 500
_REDACTED = "[REDACTED]"


class Method(NamedTuple):
    """A request's method.

    Attributes:
        name: What telemetry calls it: `_OTHER` for a method that is not known, as anybody may send anything.
        original: What was sent, where that is something else.
        in_span_name: What a span's name calls it.
    """

    name: str
    original: str | None
    in_span_name: str


_METHODS = {
    name: Method(name, None, name)
    for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY")
}
"""Known ones: RFC 9110, RFC 5789, RFC 10008."""


def method_of(sent: str) -> Method:
    """Return what to call a request's method."""
    return _METHODS.get(sent) or _unusual_method(sent)


def _unusual_method(sent: str) -> Method:
    sent = sent.strip()
    name = sent.upper()
    if name not in _METHODS and not os.environ.get("OTEL_PYTHON_INSTRUMENTATION_HTTP_CAPTURE_ALL_METHODS"):
        return Method("_OTHER", sent, "HTTP")
    return Method(name, sent if sent != name else None, name)


class UserAgent(NamedTuple):
    """The program that sent a request.

    Attributes:
        text: What it calls itself.
        synthetic: `test` or `bot`, where it is known not to be a person's.
    """

    text: str
    synthetic: str | None


@lru_cache(maxsize=256)
def user_agent_of(header: bytes | str) -> UserAgent:
    """Return what a `User-Agent` header says."""
    text = text_of(header)
    lower = text.lower()
    if "alwayson" in lower:
        return UserAgent(text, "test")
    return UserAgent(text, "bot" if "googlebot" in lower or "bingbot" in lower else None)


def text_of(header: bytes | str) -> str:
    """Return a header's name or value as text: UTF-8, else latin-1 (RFC 9110, section 5.5)."""
    if isinstance(header, str):
        return header
    try:
        return header.decode()
    except UnicodeDecodeError:
        return header.decode("latin-1")


SIGNATURES: Final = (
    *("AWSAccessKeyId", "Signature", "sig", "X-Goog-Signature"),
    *("X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token"),
)
"""Parameters by which storage services let in whoever has the link: those of the semantic conventions ("URL"), and
those of Amazon's links since 2014 (signature version 4), which they do not name."""
_SIGNATURE = re.compile(f"(?<![^&])({'|'.join(SIGNATURES)})=[^&]+")


def redacted_query(query: str) -> str:
    """Return a query string without the signatures by which storage services let in whoever has the link."""
    return _SIGNATURE.sub(r"\1=REDACTED", query)


def client_attributes(
    attributes: MutableMapping[str, Any], who: identity.Identity, address: str | None, port: int | None
) -> None:
    """Add the person's address, or the peer's of the socket where no proxy stands in between.

    Args:
        attributes: Where to add it.
        who: The person, as far as known.
        address: The peer's address, if there is one.
        port: Its port.
    """
    peer_attributes(attributes, address, port)
    if who.client_address is not None:
        attributes[semconv.CLIENT_ADDRESS] = who.client_address


def peer_attributes(attributes: MutableMapping[str, Any], address: str | None, port: int | None) -> None:
    """Add the address of the peer of the socket, where no proxy stands in between; the person's comes with identity.

    Args:
        attributes: Where to add it.
        address: The peer's address, if there is one.
        port: Its port.
    """
    policy = identity.policy_in_force()
    if not policy.trusted and policy.mode is not IdentityMode.OFF:
        if address:
            attributes[semconv.CLIENT_ADDRESS] = address
        if port:
            attributes[semconv.CLIENT_PORT] = port


def set_response_status(span: Span, status: int) -> str | None:
    """Put a response's status on a span.

    Args:
        span: The span.
        status: The status code.

    Returns:
        The `error.type`, where it is the server's error.
    """
    span.set_attribute(semconv.HTTP_RESPONSE_STATUS_CODE, status)
    if status < _FIRST_SERVER_ERROR:
        return None
    error_type = str(status)
    span.set_attribute(semconv.ERROR_TYPE, error_type)
    span.set_status(_ERROR)
    return error_type


def set_exception(span: Span, error: BaseException) -> None:
    """Put an exception that nobody has handled on a span. Never raises: it may have no text, and a span any code."""
    with suppress(Exception):
        span.record_exception(error)
    with suppress(Exception):
        span.set_status(Status(StatusCode.ERROR, described(error)))


def end(span: Span) -> None:
    """End a span. Never raises: what takes it then may be the app's own code."""
    try:
        span.end()
    except Exception:
        # The request or call it is of has been served.
        return


class CapturedHeaders:
    """Headers that spans are to show.

    Args:
        wanted: Matches the names in full.
        redacted: Finds the names whose values are not to be seen; `None` where there are none.
        prefix: What attributes are called in front of the name.
    """

    def __init__(self, wanted: re.Pattern[str], redacted: re.Pattern[str] | None, prefix: str) -> None:
        self._wanted = wanted
        self._redacted = redacted
        self._prefix = prefix
        self._shown = lru_cache(maxsize=512)(self._show)

    def attributes(self, headers: Iterable[tuple[bytes | str, bytes | str]]) -> dict[str, list[str]]:
        """Return the attributes for the headers of a request or response.

        Args:
            headers: Names and values.
        """
        found: dict[str, list[str]] = {}
        for name, value in headers:
            attribute, is_redacted = self._shown(name)
            if attribute is not None:
                found.setdefault(attribute, []).append(_REDACTED if is_redacted else text_of(value))
        return found

    def _show(self, header: bytes | str) -> tuple[str | None, bool]:
        """Return the attribute for a header, if it is to be shown, and whether its value is not."""
        name = text_of(header)
        if self._wanted.fullmatch(name) is None:
            return None, False
        is_redacted = self._redacted is not None and self._redacted.search(name) is not None
        return self._prefix + name.lower().replace("-", "_"), is_redacted


def captured_request_headers() -> CapturedHeaders | None:
    """Return which headers of requests are to be shown; `None` where none are."""
    return captured_headers("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST", "http.request.header.")


def captured_response_headers() -> CapturedHeaders | None:
    """Return which headers of responses are to be shown; `None` where none are."""
    return captured_headers("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE", "http.response.header.")


def captured_headers(variable: str, prefix: str) -> CapturedHeaders | None:
    """Return which headers a variable asks for; `None` where it asks for none.

    Args:
        variable: Its name.
        prefix: What attributes are called in front of the header's name.
    """
    sanitize = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS"
    try:
        wanted = _pattern(variable, re.IGNORECASE)
        return CapturedHeaders(wanted, _pattern(sanitize, re.IGNORECASE), prefix) if wanted is not None else None
    except _BadPatternError as bad:
        diagnostics.say(f"no headers are captured: {bad}. Remedy: correct it")
        return None


def excluded_urls(framework: str) -> Callable[[str], Any] | None:
    """Return what tells whether a URL (without its query) gets no span; `None` where all do.

    Args:
        framework: The framework's name in `OTEL_PYTHON_<framework>_EXCLUDED_URLS`, which wins over
            `OTEL_PYTHON_EXCLUDED_URLS`.
    """
    variable = f"OTEL_PYTHON_{framework}_EXCLUDED_URLS"
    if variable not in os.environ:
        variable = "OTEL_PYTHON_EXCLUDED_URLS"
    try:
        pattern = _pattern(variable)
        return pattern.search if pattern is not None else None
    except _BadPatternError as bad:
        diagnostics.say(f"no URL is excluded: {bad}. Remedy: correct it")
        return None


class _BadPatternError(ValueError):
    """A variable holds no regular expressions; the argument says so."""


def _pattern(variable: str, flags: int = 0) -> re.Pattern[str] | None:
    """Return one for the regular expressions that a variable holds, separated by commas; `None` for none."""
    value = os.environ.get(variable, "")
    parts = [part.strip() for part in value.split(",") if part.strip()]
    try:
        return re.compile("|".join(parts), flags) if parts else None
    except re.error as error:
        raise _BadPatternError(
            f"{variable} is {value[:200]!r}, which is no list of regular expressions ({error})"
        ) from None


_NOT_IN_A_HOST = frozenset("/\\?#@ \t")


def host_of(header: str | None, server: str) -> str:
    """Return the host as a URL names it, to be compared with excluded ones.

    Args:
        header: The `Host` header, which whoever sends the request is free to write.
        server: What to say where there is no such header, or one by which a URL would read as another.
    """
    return header if header and _NOT_IN_A_HOST.isdisjoint(header) else server
