# SPDX-License-Identifier: Apache-2.0
"""`client.address` is the person's address, `network.peer.address` the proxy's (HTTP semantic conventions, servers).

OpenTelemetry's middlewares take the peer of the socket for the client, and set its address after the span has started,
over what identity has put there.
"""

from functools import wraps
from types import ModuleType
from typing import Any

from opentelemetry.propagators.textmap import Getter

from dbx_otel import identity, semconv


def correct_client_address(module: ModuleType, getter: Getter[Any]) -> None:
    """Correct what a module's `collect_request_attributes` says of the client.

    Args:
        module: The instrumentation's module; its function takes the request (ASGI scope, WSGI environ) first.
        getter: Reads the headers of such a request.
    """
    original = module.collect_request_attributes

    @wraps(original)
    def collect_request_attributes(request: Any, *args: Any, **kwargs: Any) -> Any:
        attributes = original(request, *args, **kwargs)
        address = identity.of_request(request, getter).client_address
        if address is not None:
            peer = attributes.pop(semconv.CLIENT_ADDRESS, None)
            if peer is not None:
                attributes.setdefault(semconv.NETWORK_PEER_ADDRESS, peer)
            attributes.pop(semconv.CLIENT_PORT, None)  # the proxy's
            attributes[semconv.CLIENT_ADDRESS] = address
        return attributes

    setattr(module, original.__name__, collect_request_attributes)
