# SPDX-License-Identifier: Apache-2.0
"""Gradio: an event runs in the context of the person who caused it.

Its queue lives in tasks that the first request of all has started, so that without help every event of everybody
would run as that first person.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from importlib import import_module
from inspect import signature
from types import ModuleType
from typing import Any

from opentelemetry import context

from dbx_otel import identity

_CONTEXT = "dbx_otel.context"
"""Key in the scope of the request that pushed an event."""


def instrument(module: ModuleType) -> None:
    """Carry the context of the request that pushes an event over the queue, to the app's function.

    Args:
        module: `gradio.blocks`.
    """
    queue, blocks = import_module("gradio.queueing").Queue, module.Blocks
    queue.push = _remembering(queue.push)
    queue.process_events = _in_context_of_nobody(queue.process_events)
    blocks.process_api = _in_remembered_context(blocks.process_api)


def _remembering(push: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    parameters = signature(push)

    @wraps(push)
    async def remember(*args: Any, **kwargs: Any) -> Any:
        request = parameters.bind(*args, **kwargs).arguments.get("request")
        if request is not None:
            request.scope[_CONTEXT] = context.get_current()
        return await push(*args, **kwargs)

    return remember


def _in_context_of_nobody(process_events: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(process_events)
    async def process(*args: Any, **kwargs: Any) -> Any:
        token = context.attach(context.Context())
        try:
            return await process_events(*args, **kwargs)
        finally:
            context.detach(token)

    return process


def _in_remembered_context(process_api: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    parameters = signature(process_api)

    @wraps(process_api)
    async def process(*args: Any, **kwargs: Any) -> Any:
        remembered = _remembered(parameters.bind(*args, **kwargs).arguments.get("request"))
        if remembered is None:
            return await process_api(*args, **kwargs)
        # The request that has pushed the event has ended; what the event starts lasts as long as the event.
        with identity.serving(remembered):
            return await process_api(*args, **kwargs)

    return process


def _remembered(request: Any) -> context.Context | None:
    """Return the context in which a request was pushed; that of nobody for a batch of several people's.

    Args:
        request: Gradio's request, a list of them for a batch, or nothing for a call that came by no queue.
    """
    requests = request if isinstance(request, list) else [request]
    found = [_scope(one).get(_CONTEXT) for one in requests]
    if not found or found[0] is None:
        return None
    return found[0] if len(found) == 1 else context.Context()


def _scope(request: Any) -> Any:
    return getattr(getattr(request, "request", None), "scope", None) or {}
