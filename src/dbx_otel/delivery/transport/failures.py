# SPDX-License-Identifier: Apache-2.0
"""What failed, in a few words for a person: stable from one attempt to the next, and without a secret."""

import socket
import ssl
from collections.abc import Iterator
from http.client import HTTPException, RemoteDisconnected
from urllib.parse import unquote, urlsplit

from dbx_otel.delivery.transport.destination import Endpoint

_LONGEST = 200
"""Characters of a message; the rest of what a server says is of no use to anyone."""
_SECRET = 6
"""Characters from which a part of a header's value is taken for a secret: shorter ones hide nothing but words."""

_WORDS: dict[type[BaseException], str] = {
    socket.gaierror: "no such host",
    TimeoutError: "timed out",
    RemoteDisconnected: "connection closed without an answer",
    HTTPException: "the answer is not HTTP",
}


class ConfigurationError(Exception):
    """A destination that is not configured so that it can be reached; its text is for a person, without a secret."""


def describe(error: BaseException) -> str:
    """Say what an attempt failed of: the innermost cause that has words of its own.

    HTTP clients put addresses of objects into their texts, and those of `ValueError` show the header they refuse: only
    what the system and TLS say is repeated.

    Args:
        error: What was raised.
    """
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ConfigurationError):
            return str(cause)
    for cause in causes:
        if text := _words(cause):
            return text
    return type(error).__name__


def public(text: str, endpoint: Endpoint) -> str:
    """Return a message on one line, bounded, without what of it is in the endpoint's headers or its address.

    Servers and proxies answer with what they were sent, at times.

    Args:
        text: The message.
        endpoint: The endpoint that it is about.
    """
    line = "".join(letter if letter.isprintable() else " " for letter in text[: 10 * _LONGEST])
    for secret in _secrets(endpoint):
        line = line.replace(secret, "…")
    return " ".join(line.split())[:_LONGEST].rstrip()


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what led to it, the outermost first."""
    seen: set[int] = set()
    queue = [error]
    while queue:
        found = queue.pop(0)
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        # urllib3 hands causes on as arguments and as `reason`, others as Python does.
        further = (*found.args, getattr(found, "reason", None), found.__cause__, found.__context__)
        queue.extend(item for item in further if isinstance(item, BaseException))


def _words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return _words_of_tls(error)
    for kind, words in _WORDS.items():
        if isinstance(error, kind):
            return words
    if isinstance(error, OSError) and type(error).__module__ == "builtins":
        return error.strerror or str(error)
    # Of urllib3 1, where it compares names itself.
    return "certificate not accepted: it is another host's" if type(error).__name__ == "CertificateError" else ""


def _words_of_tls(error: ssl.SSLError) -> str:
    # Neither is there unless OpenSSL itself has raised it.
    if message := getattr(error, "verify_message", ""):
        return f"certificate not accepted: {message}"
    reason = getattr(error, "reason", None) or type(error).__name__
    return f"TLS failed: {reason.lower().replace('_', ' ')}"


def _secrets(endpoint: Endpoint) -> list[str]:
    """Return what must not be shown, the longest first."""
    found: set[str] = set()
    for value in endpoint.headers.values():
        found.update((value, *value.split()))
    try:
        parts = urlsplit(endpoint.url if "://" in endpoint.url else f"//{endpoint.url}")
        for text in (parts.username, parts.password, parts.query):
            found.update((text or "", unquote(text or "")))
    except ValueError:
        found.add(endpoint.url)
    return sorted((text for text in found if len(text) >= _SECRET), key=len, reverse=True)
