# SPDX-License-Identifier: Apache-2.0
"""OTLP over HTTP, on urllib3: connections stay open, go through the environment's proxies, and keep to their time."""

# For `socket`, which otherwise imports it when it first looks a host up: a fork would not wait for that.
import encodings.idna  # noqa: F401 -- as above
import gzip
import socket
import ssl
from importlib.util import find_spec
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProtocolError

from dbx_otel.delivery.batch import Batch, Signal
from dbx_otel.delivery.outcome import Outcome
from dbx_otel.delivery.transport import answers
from dbx_otel.delivery.transport.attempt import Attempt, begun, connect
from dbx_otel.delivery.transport.destination import USER_AGENT, Endpoint
from dbx_otel.delivery.transport.failures import ConfigurationError
from dbx_otel.delivery.transport.proxies import proxy_for
from dbx_otel.delivery.transport.tls import context_of


class _Route(NamedTuple):
    """How requests of one signal go: address, headers, and the pools of connections (an urllib3.PoolManager)."""

    url: str
    headers: dict[str, str]
    manager: Any


class HttpSender:
    """Sends batches over HTTP; what goes to one host shares its connections."""

    def __init__(self) -> None:
        self._routes: dict[Signal, _Route] = {}
        self._managers: dict[Any, Any] = {}
        self._running: set[Attempt] = set()

    def send(self, endpoint: Endpoint, batch: Batch, timeout: float) -> Outcome:
        """Send a batch; raises what urllib3 raises.

        Args:
            endpoint: Where to.
            batch: What.
            timeout: Seconds it may take.
        """
        attempt = Attempt(timeout)
        self._running.add(attempt)
        try:
            with begun(attempt):
                try:
                    return self._attempt(endpoint, batch, attempt)
                except ProtocolError:
                    # The other side has closed a connection that had been idle: the next one is new. Only one attempt
                    # more, and only within the time of this one.
                    return self._attempt(endpoint, batch, attempt)
        finally:
            self._running.discard(attempt)

    def close(self) -> None:
        """Give up what is being sent, and all connections."""
        for attempt in list(self._running):
            attempt.cancel()
        for manager in list(self._managers.values()):
            manager.clear()

    def _attempt(self, endpoint: Endpoint, batch: Batch, attempt: Attempt) -> Outcome:
        route = self._routes.get(batch.signal)
        if route is None:
            route = self._routes[batch.signal] = self._route(endpoint)
        answer = route.manager.urlopen(
            "POST",
            route.url,
            body=body_of(endpoint, batch),
            headers=route.headers,
            retries=False,
            redirect=False,
            preload_content=False,
            timeout=attempt.left(),
        )
        return answers.of_http(answer.status, answer.headers, _body(answer), batch.count)

    def _route(self, endpoint: Endpoint) -> _Route:
        """Find the way to an endpoint; those with the same proxy and the same certificates share connections."""
        url, headers = request_of(endpoint)
        proxy = proxy_for(url)
        # The context is made for TLS alone: reading the certificate authorities takes milliseconds.
        is_tls = url.startswith("https:")
        key = (is_tls, proxy, endpoint.certificate, endpoint.client_certificate, endpoint.client_key)
        if key not in self._managers:
            self._managers[key] = _make_manager(_context(endpoint) if is_tls else None, proxy)
        return _Route(url, headers, self._managers[key])


def request_of(endpoint: Endpoint) -> tuple[str, dict[str, str]]:
    """Return address and headers of the requests to an endpoint; user and password of the address become a header."""
    headers = {"user-agent": USER_AGENT, "accept": "*/*", "accept-encoding": "identity", **endpoint.headers}
    headers["content-type"] = "application/x-protobuf"
    headers.pop("content-encoding", None)
    if endpoint.compression == "gzip":
        headers["content-encoding"] = "gzip"
    parts = urlsplit(endpoint.url)
    if "@" in parts.netloc:
        credentials = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        headers.update(urllib3.make_headers(basic_auth=credentials))
        parts = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return urlunsplit(parts._replace(fragment="")), headers


def body_of(endpoint: Endpoint, batch: Batch) -> bytes:
    """Return the body of a request: batches are compressed already."""
    return batch.body if endpoint.compression == "gzip" else gzip.decompress(batch.body)


def _body(answer: Any) -> bytes:
    """Read the body, as far as anyone has a use for it; the status stands, whether it can be read or not."""
    body = b""
    try:
        # Until there is nothing more: only then is the connection free for the next request.
        while len(body) <= answers.LARGEST:
            part = answer.read(answers.LARGEST + 1 - len(body), decode_content=False)
            if not part:
                answer.release_conn()
                return body
            body += part
    except (HTTPError, OSError):
        body = b""
    answer.close()
    return body[: answers.LARGEST]


def _make_manager(context: ssl.SSLContext | None, proxy: str | None) -> Any:
    given: dict[str, Any] = {"maxsize": 2, "cert_reqs": "CERT_REQUIRED", "ssl_context": context}
    if proxy is None:
        manager: Any = urllib3.PoolManager(**given)
    elif proxy.startswith("socks"):
        return _socks(proxy, given)
    else:
        manager = _through(proxy, given)
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager


def _context(endpoint: Endpoint) -> ssl.SSLContext:
    context = context_of(endpoint)
    if urllib3.__version__.startswith("1."):  # type: ignore[attr-defined]  # it is there, unlisted
        # It compares names and addresses itself then; OpenSSL, which it does not tell an address, could not.
        context.check_hostname = False
    return context


def _through(proxy: str, given: dict[str, Any]) -> Any:
    parts = urlsplit(proxy)
    headers = None
    if parts.username is not None:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers = urllib3.make_headers(proxy_basic_auth=credentials)
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if parts.scheme == "https":
        given["proxy_ssl_context"] = _context(Endpoint(address))
    return urllib3.ProxyManager(address, proxy_headers=headers, **given)


def _socks(proxy: str, given: dict[str, Any]) -> Any:
    if find_spec("socks") is None:
        raise ConfigurationError("a SOCKS proxy needs the package PySocks")
    from urllib3.contrib.socks import SOCKSProxyManager

    parts = urlsplit(proxy)
    user, password = unquote(parts.username or "") or None, unquote(parts.password or "") or None
    return SOCKSProxyManager(proxy, user, password, **given)


def _connected(connection: Any) -> socket.socket:
    """Connect as urllib3 does, but by sockets that keep to the attempt."""
    try:
        return connect(connection._dns_host, connection.port, connection.socket_options or ())  # noqa: SLF001 -- as urllib3's own
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, "timed out") from error
    except OSError as error:
        raise NewConnectionError(connection, "no connection") from error


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connected(self)


class _TlsConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connected(self)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection
