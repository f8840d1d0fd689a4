# SPDX-License-Identifier: Apache-2.0
"""The private place of identity in the OpenTelemetry context: follows threads and tasks, never leaves the process."""

from typing import Any

from opentelemetry.context import _RUNTIME_CONTEXT, Context, create_key, get_current, get_value, set_value

from dbx_otel.identity.model import Identity
from dbx_otel.identity.request import Request

_IDENTITY = create_key("dbx-otel-identity")
_REQUEST = create_key("dbx-otel-request")
_THREAD_OF = create_key("dbx-otel-thread-of")


def current(context: Context | None = None) -> Identity | None:
    """Return the identity in a context, or `None` where no request is being worked for.

    A thread that outlives the request which has started it works for nobody: it may be a pool's or a queue's, which the
    first request of all has started and which goes on for everybody.

    Args:
        context: The context to look into; the current one if `None`.
    """
    if context is None:
        context = get_current()
    identity = context.get(_IDENTITY)
    if not isinstance(identity, Identity):
        return None
    request = context.get(_THREAD_OF)
    if isinstance(request, Request) and request.has_ended:
        return None
    return identity


def with_identity(identity: Identity, context: Context | None = None) -> Context:
    """Return a copy of a context that carries an identity, and the request that is under way here.

    Args:
        identity: The identity to carry.
        context: The context to copy; the current one if `None`.
    """
    around = get_current()
    values: dict[str, object] = {**(around if context is None else context), _IDENTITY: identity}
    if _REQUEST in around:
        # Other propagators begin with an empty context.
        values[_REQUEST] = around[_REQUEST]
    return Context(values)


def request_of(context: Context | None = None) -> Request | None:
    """Return the request that a context belongs to, if it has begun by `begun`.

    Args:
        context: The context to look into; the current one if `None`.
    """
    request = get_value(_REQUEST, context)
    return request if isinstance(request, Request) else None


def begun(request: Request, context: Context | None = None) -> Context:
    """Return the context in which a request begins: empty of all that was current where the server took it up.

    Args:
        request: The request; the context carries its identity if it is known.
        context: What it goes on with, where it is work that an earlier request has left behind.
    """
    values: dict[str, object] = {**context, _REQUEST: request} if context is not None else {_REQUEST: request}
    if request.identity is not None:
        values[_IDENTITY] = request.identity
    return Context(values)


def leave(token: Any) -> None:
    """Leave a request's context. Never raises, nor complains where the API's `detach` does.

    A coroutine that is never finished, such as one that a server drops when it stops, is closed in another context: its
    own has gone with its task.

    Args:
        token: What attaching the context has returned.
    """
    try:
        _RUNTIME_CONTEXT.detach(token)
    except Exception:
        # There is nothing to leave.
        return


def for_thread(context: Context) -> Context:
    """Return the context for a thread that is started in another: its identity lasts as long as the request.

    Args:
        context: The context in which the thread is started.
    """
    request = request_of(context)
    return context if request is None else set_value(_THREAD_OF, request, context)
