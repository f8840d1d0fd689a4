# SPDX-License-Identifier: Apache-2.0
"""Corrects what OpenTelemetry's ASGI and WSGI middlewares say of a request (HTTP semantic conventions, server spans).

They take the peer of the socket, which is the proxy, for the client, and set its address after the span has started,
over what identity has put there; they leave the port in `server.address`, and leave `url.path` out where a server
does not tell the raw address (Django's, wsgiref's).
"""

from functools import wraps
from types import ModuleType
from typing import Any

from opentelemetry.propagators.textmap import Getter

from dbx_otel import identity, semconv


def correct_request_attributes(module: ModuleType, getter: Getter[Any]) -> None:
    """Correct what a module's `collect_request_attributes` returns.

    Args:
        module: The instrumentation's module; its function takes the request (ASGI scope, WSGI environ) first.
        getter: Reads the headers of such a request.
    """
    original = module.collect_request_attributes

    @wraps(original)
    def collect_request_attributes(request: Any, *args: Any, **kwargs: Any) -> Any:
        attributes = original(request, *args, **kwargs)
        _name_the_person(attributes, identity.of_request(request, getter).client_address)
        _name_the_host_alone(attributes)
        if semconv.URL_PATH not in attributes and "PATH_INFO" in request:
            attributes[semconv.URL_PATH] = f"{request.get('SCRIPT_NAME', '')}{request['PATH_INFO']}"
        return attributes

    setattr(module, original.__name__, collect_request_attributes)


def _name_the_person(attributes: dict[str, Any], address: str | None) -> None:
    if address is None:
        return
    peer = attributes.pop(semconv.CLIENT_ADDRESS, None)
    if peer is not None:
        attributes.setdefault(semconv.NETWORK_PEER_ADDRESS, peer)
    attributes.pop(semconv.CLIENT_PORT, None)  # the proxy's
    attributes[semconv.CLIENT_ADDRESS] = address


def _name_the_host_alone(attributes: dict[str, Any]) -> None:
    host = attributes.get(semconv.SERVER_ADDRESS)
    if isinstance(host, str):
        attributes[semconv.SERVER_ADDRESS] = host.removesuffix(f":{attributes.get(semconv.SERVER_PORT)}")
