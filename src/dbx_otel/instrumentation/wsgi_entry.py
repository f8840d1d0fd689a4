# SPDX-License-Identifier: Apache-2.0
"""Where a WSGI request begins and ends: in a context of its own, from the call to the last chunk of the response.

A streamed response is made after the app has returned, when the instrumentations have left the request's context: it
is made in the context in which the app has begun its response.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any

from opentelemetry import context

from dbx_otel import identity
from dbx_otel.instrumentation.wsgi_server import GETTER

_SERVED = "dbx_otel.served"
"""Key in the environ of a request that has begun: an app inside of an app works for the same one."""

App = Callable[..., Iterable[bytes]]


def serving(call: App) -> App:
    """Wrap the `__call__` of a WSGI application's class.

    Args:
        call: Takes the application, the environ and `start_response` (PEP 3333).
    """

    @wraps(call)
    def serve(self: Any, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if _SERVED in environ:
            return call(self, environ, start_response)
        environ[_SERVED] = True
        request = identity.Request()
        begun = identity.begun(request)
        responding = begun

        def starting(*args: Any, **kwargs: Any) -> Any:
            nonlocal responding
            responding = context.get_current()
            return start_response(*args, **kwargs)

        token = context.attach(begun)
        try:
            chunks = call(self, environ, starting)
            if identity.current(responding) is None:
                # Django's instrumentation leaves before the response begins.
                responding = identity.with_identity(identity.of_request(environ, GETTER), responding)
        except BaseException:
            request.has_ended = True
            raise
        finally:
            context.detach(token)
        if _is_a_file(chunks, environ):
            request.has_ended = True
            return chunks
        return _Chunks(chunks, responding, request)

    return serve


def _is_a_file(chunks: Iterable[bytes], environ: dict[str, Any]) -> bool:
    """Tell whether the server is to send a file by itself, which it does only if it recognises it."""
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(chunks, wrapper)


class _Chunks:
    """A response whose chunks are made in a context.

    Args:
        chunks: The response.
        responding: The context.
        request: What ends with the response.
    """

    __slots__ = ("_chunks", "_context", "_iterator", "_request")

    def __init__(self, chunks: Iterable[bytes], responding: context.Context, request: identity.Request) -> None:
        self._chunks = chunks
        self._context = responding
        self._request = request
        self._iterator: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        token = context.attach(self._context)
        try:
            if self._iterator is None:
                self._iterator = iter(self._chunks)
            return next(self._iterator)
        finally:
            context.detach(token)

    def close(self) -> None:
        """Close the response; servers call it at the end, however it comes."""
        token = context.attach(self._context)
        try:
            close = getattr(self._chunks, "close", None)
            if close is not None:
                close()
        finally:
            self._request.has_ended = True
            context.detach(token)
