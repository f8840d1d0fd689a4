# SPDX-License-Identifier: Apache-2.0
"""A span that is the current one for as long as a block or a function runs."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from opentelemetry.context import attach, detach
from opentelemetry.trace import Span, Status, StatusCode, set_span_in_context

from dbx_otel.tracing.events import described

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from dbx_otel.tracing.tracer import Tracer


_Function = TypeVar("_Function", bound="Callable[..., Any]")


class CurrentSpan:
    """Starts a span when a block is entered; decorates functions, those with `async` as well."""

    __slots__ = ("_end_on_exit", "_span", "_start", "_token", "_tracer")

    def __init__(self, tracer: Tracer, start: tuple[Any, ...], end_on_exit: bool) -> None:
        """Start nothing yet.

        Args:
            tracer: Starts the span.
            start: The arguments of its `start_span`.
            end_on_exit: Whether the span ends with the block.
        """
        self._tracer = tracer
        self._start = start
        self._end_on_exit = end_on_exit

    def __enter__(self) -> Span:
        self._span = span = self._tracer.start_span(*self._start)
        self._token = attach(set_span_in_context(span))
        return span

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        detach(self._token)
        span = self._span
        try:
            # What is no `Exception` is no error: GeneratorExit, for one.
            if isinstance(exc_val, Exception) and span.is_recording():
                self._note(exc_val)
        finally:
            if self._end_on_exit:
                span.end()

    def __call__(self, function: _Function) -> _Function:
        """Run a function inside of a span of its own, each time."""
        from inspect import iscoroutinefunction

        if iscoroutinefunction(function):

            @wraps(function)
            async def run_async(*args: Any, **kwargs: Any) -> Any:
                with self._again():
                    return await function(*args, **kwargs)

            return cast("_Function", run_async)

        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return cast("_Function", run)

    def _again(self) -> CurrentSpan:
        return CurrentSpan(self._tracer, self._start, self._end_on_exit)

    def _note(self, exception: Exception) -> None:
        *_, record, set_status = self._start
        if record:
            self._span.record_exception(exception)
        if set_status:
            self._span.set_status(Status(StatusCode.ERROR, described(exception)))
