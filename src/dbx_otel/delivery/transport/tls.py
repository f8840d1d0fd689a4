# SPDX-License-Identifier: Apache-2.0
"""Whom to believe and what to show: TLS 1.2 or better, with the certificate authorities that requests would take."""

import contextlib
import os
import ssl
from pathlib import Path
from typing import Never

from dbx_otel.delivery.transport.attempt import TimedTlsSocket
from dbx_otel.delivery.transport.destination import Endpoint
from dbx_otel.delivery.transport.failures import ConfigurationError

try:
    import certifi
except ImportError:  # it comes with requests, and may be left out by who packages that
    certifi = None  # type: ignore[assignment]  # nothing then


def context_of(endpoint: Endpoint) -> ssl.SSLContext:
    """Make the TLS context of an endpoint.

    Args:
        endpoint: The endpoint.

    Raises:
        ConfigurationError: A file cannot be read, or is not what it should be; the message names it.
    """
    context = _believing(endpoint.certificate)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Makes sockets of this class; SSLContext is typed for its own only.
    context.sslsocket_class = TimedTlsSocket
    if endpoint.client_certificate:
        _show(context, endpoint.client_certificate, endpoint.client_key)
    return context


def _believing(certificate: str | None) -> ssl.SSLContext:
    named = certificate or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if named:
        try:
            if Path(named).is_dir():
                return ssl.create_default_context(capath=named)
            return ssl.create_default_context(cafile=named)
        except OSError as error:
            raise ConfigurationError(f"certificate authorities {named!r}: {_reason(error)}") from None
    # The system's, or those of SSL_CERT_FILE and SSL_CERT_DIR, and beside them those that requests brings.
    context = ssl.create_default_context()
    if certifi is not None:
        with contextlib.suppress(OSError):  # there are the system's
            context.load_verify_locations(certifi.where())
    return context


def _show(context: ssl.SSLContext, certificate: str, key: str | None) -> None:
    def refuse() -> Never:
        # OpenSSL would ask for it on the terminal, and wait.
        raise ConfigurationError(f"client key {key or certificate!r} has a password, which cannot be given")

    try:
        context.load_cert_chain(certificate, key, password=refuse)
    except OSError as error:
        files = " and ".join(repr(path) for path in (certificate, key) if path)
        raise ConfigurationError(f"client certificate {files}: {_reason(error)}") from None


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "not a certificate or key in PEM format, or one that does not belong to the other"
    return error.strerror or type(error).__name__
