# SPDX-License-Identifier: Apache-2.0
"""Corrects what OpenTelemetry's server instrumentations say of a request (HTTP semantic conventions, server spans).

They take the peer of the socket, which is the proxy, for the client, and some set its address after the span has
started, over what identity has put there; they leave the port in `server.address`, and leave `url.path` out where a
server does not tell the raw address (Django's, wsgiref's).
"""

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any
from urllib.parse import quote

from opentelemetry.propagators.textmap import Getter

from dbx_otel import identity, semconv
from dbx_otel.settings import IdentityMode


def correct_request_attributes(
    module: ModuleType,
    getter: Getter[Any],
    *,
    function: str = "collect_request_attributes",
    carrier: Callable[[Any], Any] = lambda request: request,
) -> None:
    """Correct what a module's function for the attributes of a request returns.

    Args:
        module: The instrumentation's module.
        getter: Reads the headers of a request.
        function: Name of the function; it takes the request first.
        carrier: Returns what the getter reads, given the request.

    Raises:
        AttributeError: The module has no such function.
    """
    original = getattr(module, function)

    @wraps(original)
    def corrected(request: Any, *args: Any, **kwargs: Any) -> Any:
        attributes = original(request, *args, **kwargs)
        _name_the_person(attributes, identity.of_request(carrier(request), getter).client_address)
        _name_the_host_alone(attributes)
        if semconv.URL_PATH not in attributes and isinstance(request, dict) and "PATH_INFO" in request:
            attributes[semconv.URL_PATH] = _url_path(f"{request.get('SCRIPT_NAME', '')}{request['PATH_INFO']}")
        return attributes

    setattr(module, function, corrected)


def _url_path(decoded: str) -> str:
    """Return a path as it stands in a URL, given how WSGI hands it on: unquoted, its bytes as latin-1 (PEP 3333)."""
    return quote(decoded.encode("latin-1", "replace"), safe="/:@!$&'()*+,;=~")


def _name_the_person(attributes: dict[str, Any], address: str | None) -> None:
    policy = identity.policy_in_force()
    if policy.trusted or policy.mode is IdentityMode.OFF:
        # The proxy's address and port, or what a server has made of a header that anybody can send.
        for name in (semconv.CLIENT_ADDRESS, semconv.CLIENT_PORT, semconv.NETWORK_PEER_ADDRESS):
            attributes.pop(name, None)
    if address is not None:
        attributes[semconv.CLIENT_ADDRESS] = address


def _name_the_host_alone(attributes: dict[str, Any]) -> None:
    host = attributes.get(semconv.SERVER_ADDRESS)
    if isinstance(host, str):
        attributes[semconv.SERVER_ADDRESS] = host.removesuffix(f":{attributes.get(semconv.SERVER_PORT)}")
