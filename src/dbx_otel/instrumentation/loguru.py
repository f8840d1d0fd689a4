# SPDX-License-Identifier: Apache-2.0
"""loguru: a record that at least one of the app's sinks takes becomes a log event, once, however many do.

Sinks on the console are muted where standard output is ours; their level and filter still count. Everything else
(files, functions, handlers of `logging`) goes on as ever.
"""

from __future__ import annotations

import builtins
import sys
from functools import wraps
from typing import TYPE_CHECKING, Any

from dbx_otel.logs import nesting, pipeline
from dbx_otel.logs.console import is_console
from dbx_otel.logs.from_loguru import event_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType

    from dbx_otel.logs.nesting import Delivery

_DONE = "_dbx_otel_instrumented"


def instrument(module: ModuleType) -> None:
    """Take the records of loguru.

    Args:
        module: `loguru._logger`.

    Raises:
        AttributeError: loguru is not built as it is in the versions known (0.5 and later).
        ValueError: Likewise.
    """
    if getattr(module, _DONE, False):
        return
    handler = sys.modules["loguru._handler"].__dict__["Handler"]
    log, emit = module.Logger._log, handler.emit  # noqa: SLF001 -- loguru has no public place that sees every record
    module.Logger._log = _taking(log)  # noqa: SLF001 -- see above
    handler.emit = _asking(emit)
    setattr(module, _DONE, True)


def _taking(log: Any) -> Any:
    # Where the options are among the arguments after `self` differs by version; the message follows them.
    options = log.__code__.co_varnames.index("options") - 1

    @wraps(log)
    def take(self: Any, *args: Any) -> Any:
        message = args[options + 1]
        args = (*args[:options], _one_frame_deeper(args[options]), *args[options + 1 :])
        if not pipeline.is_installed():
            return log(self, *args)
        delivery = nesting.begin("loguru", None, lambda: (str(message),))
        delivery.refused = True  # until a sink takes it
        try:
            return log(self, *args)
        finally:
            nesting.end(delivery)
            _deliver(delivery)

    return take


def _one_frame_deeper(options: Sequence[Any]) -> tuple[Any, ...]:
    """Return loguru's options with the caller, which they name by its depth, behind one more frame: ours."""
    exception, depth, *rest = options
    return (exception, depth + 1, *rest)


def _asking(emit: Any) -> Any:
    @wraps(emit)
    def emit_or_mute(self: Any, record: dict[str, Any], *args: Any) -> None:
        delivery = nesting.current()
        if not pipeline.is_installed() or delivery is None:
            emit(self, record, *args)
            return
        if delivery.record is None:
            delivery.record = record
            given = delivery.texts
            delivery.texts = lambda: (*given(), str(record["message"]))
        if pipeline.owns_console() and _writes_to_console(self._sink):
            try:
                _ask(self, record, delivery)
                return
            except Exception:
                # The app's filter raises: loguru has its own way of saying so.
                pass
        _note_what_filter_says(self)
        if self._filter is None and self._levelno <= record["level"].no:
            delivery.refused = False
        emit(self, record, *args)

    return emit_or_mute


def _ask(handler: Any, record: dict[str, Any], delivery: Delivery) -> None:
    """Ask a sink on the console whether it would have shown the record."""
    accepted = handler._levelno <= record["level"].no  # noqa: SLF001 -- see `instrument`
    if accepted and handler._filter is not None:  # noqa: SLF001 -- see `instrument`
        accepted = bool(handler._filter(record))  # noqa: SLF001 -- see `instrument`
    if accepted:
        delivery.shown = True
        delivery.refused = False
    else:
        delivery.held_back = True


class _NotedFilter:
    """A sink's own filter, which is called once only; what it says is noted with the delivery.

    Args:
        accepts: The filter.
    """

    def __init__(self, accepts: Callable[[Mapping[str, Any]], bool]) -> None:
        self._accepts = accepts

    def __call__(self, record: Mapping[str, Any]) -> bool:
        accepted = self._accepts(record)
        delivery = nesting.current()
        if accepted and delivery is not None and delivery.record is record:
            delivery.refused = False
        return accepted


def _note_what_filter_says(handler: Any) -> None:
    accepts = handler._filter  # noqa: SLF001 -- see `instrument`
    if accepts is not None and not isinstance(accepts, _NotedFilter):
        handler._filter = _NotedFilter(accepts)  # noqa: SLF001 -- see `instrument`


def _deliver(delivery: Delivery) -> None:
    """Emit the record, unless it is the echo of one of `logging`. Never raises."""
    try:
        original = delivery.original()
        if original is not None:
            if delivery.record is not None:
                delivery.attributes.update(delivery.record["extra"])
            delivery.tell(original)
            return
        if delivery.record is None or (delivery.refused and not delivery.shown):
            return
        event = event_of(delivery.record)
        if delivery.attributes:
            event.attributes = {**delivery.attributes, **event.attributes}
        pipeline.emit(event, to_console=delivery.belongs_on_console())
    except Exception:
        # Patchers of the app may leave anything in a record; the app goes on.
        pass


def _writes_to_console(sink: Any) -> bool:
    handler = getattr(sink, "_handler", None)
    if handler is not None:
        from dbx_otel.instrumentation.stdlib_logging import writes_to_console

        return writes_to_console(handler)
    function = getattr(sink, "_function", None)
    if function is not None:
        is_write = getattr(function, "__name__", "") == "write"
        return function is builtins.print or (is_write and is_console(getattr(function, "__self__", None)))
    return is_console(getattr(sink, "_stream", None))
