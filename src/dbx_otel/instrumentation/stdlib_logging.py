# SPDX-License-Identifier: Apache-2.0
"""`logging`: every record that passes its logger's level and filters becomes a log event, once.

No handler is added anywhere: one on the root logger would make the app's own `basicConfig` do nothing. Instead
`Logger.callHandlers`, through which every record goes, is replaced by one that does the same and takes the record.
The app's handlers run as ever, except that those which write to the console are muted where standard output is
ours. Their level and filters still count: what they would have held back does not appear, and what their
filters blank stays blank.
"""

import logging
import sys
from collections.abc import Iterator
from functools import wraps
from types import FrameType, ModuleType
from typing import Any

from dbx_otel.logs import nesting, pipeline
from dbx_otel.logs.console import is_console
from dbx_otel.logs.from_stdlib import DELIVERED, event_of, is_delivered, message_of
from dbx_otel.logs.nesting import Delivery
from dbx_otel.logs.record import LogEvent

_FRAMES_BETWEEN = 6
"""How far above us `Logger._log` may be: `Logger.handle`, and what other tools have wrapped around it."""

_DONE = "_dbx_otel_instrumented"
_CONSOLE_FILES = frozenset(
    (
        "/dev/stdout",
        "/dev/stderr",
        "/dev/fd/1",
        "/dev/fd/2",
        "/proc/self/fd/1",
        "/proc/self/fd/2",
        "/proc/1/fd/1",
        "/proc/1/fd/2",
    )
)


class _OurLevel(int):
    """Level of the root logger as long as the app has set none; told from the app's own by its type."""


def instrument(module: ModuleType) -> None:
    """Take the records of `logging`.

    Args:
        module: `logging`.

    Raises:
        AttributeError: `logging` is not built as it is in the Python versions known.
    """
    if getattr(module, _DONE, False):
        return
    _replace_call_handlers(module.Logger)
    module.StreamHandler.emit = _muting(module.StreamHandler.emit)
    setattr(module, _DONE, True)
    root = module.getLogger()
    if pipeline.is_installed() and root.level == module.WARNING:
        # Never above Python's default: the app's own handlers are to see what they saw before.
        root.setLevel(_OurLevel(min(pipeline.log_level(), module.WARNING)))


def _replace_call_handlers(logger_class: Any) -> None:
    original: Any = logger_class.callHandlers

    @wraps(original)
    def call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
        # Handlers of the app count the frames above them, or go by their file, to name the caller (loguru's
        # InterceptHandler does either): there must be exactly this one between Logger.handle and Handler.handle.
        delivery = _begin(self, record) if pipeline.is_installed() else None
        try:
            for handler in _handlers_for(self, record):
                if delivery is not None and writes_to_console(handler):
                    _hand_to_console(handler, record, delivery)
                elif delivery is None or not delivery.quiet:
                    handler.handle(record)
        finally:
            if delivery is not None:
                _end(self, delivery)

    ours: Any = call_handlers
    ours.__code__ = ours.__code__.replace(co_filename=original.__code__.co_filename)
    logger_class.callHandlers = ours


def _begin(logger: logging.Logger, record: logging.LogRecord) -> Delivery:
    delivery = nesting.begin("logging", record, lambda: (message_of(record),))
    if pipeline.owns_console():
        setattr(record, DELIVERED, True)
    by_our_level = _passes_by_our_level(logger)
    delivery.quiet = by_our_level and record.levelno < logging.WARNING and _is_of_logging()
    delivery.is_too_low = by_our_level and record.levelno < pipeline.log_level()
    return delivery


def _handlers_for(logger: logging.Logger, record: logging.LogRecord) -> Iterator[logging.Handler]:
    """Yield the handlers that a record comes to, as `Logger.callHandlers` goes about it."""
    found = False
    for handler in _handlers(logger):
        found = True
        if record.levelno >= handler.level:
            yield handler
    if found:
        return
    last_resort = logging.lastResort
    if last_resort is not None:
        if record.levelno >= last_resort.level:
            yield last_resort
    elif logging.raiseExceptions and not logger.manager.emittedNoHandlerWarning:
        sys.stderr.write(f'No handlers could be found for logger "{logger.name}"\n')
        logger.manager.emittedNoHandlerWarning = True


def _hand_to_console(handler: logging.Handler, record: logging.LogRecord, delivery: Delivery) -> None:
    """Do what `Handler.handle` does, and between filter and emission note the record as the filters leave it."""
    accepted: Any = handler.filter(record)
    if not accepted:
        return
    if isinstance(accepted, logging.LogRecord):
        record = accepted  # since Python 3.12 a filter may put another record in the place of this one
    delivery.shown = True
    delivery.event = _event_or_none(record)
    if delivery.quiet or pipeline.owns_console():
        return
    handler.acquire()
    try:
        handler.emit(record)
    finally:
        handler.release()


def _muting(emit: Any) -> Any:
    """Mute the console for records that come to it later and elsewhere: by a queue, or from a buffer."""

    @wraps(emit)
    def emit_or_mute(self: logging.Handler, record: logging.LogRecord) -> None:
        if not (pipeline.owns_console() and hasattr(record, DELIVERED) and writes_to_console(self)):
            emit(self, record)

    return emit_or_mute


def _end(logger: logging.Logger, delivery: Delivery) -> None:
    """Emit the record, unless it is the echo of another library's. Never raises."""
    nesting.end(delivery)
    try:
        if delivery.is_too_low or is_delivered(delivery.record):
            return
        if not delivery.shown and _is_silenced(logger):
            delivery.held_back = True
        original = delivery.original()
        if original is not None:
            delivery.tell(original)
            return
        if delivery.refused and not delivery.shown:
            return
        event = delivery.event or event_of(delivery.record)
        if delivery.attributes:
            event.attributes = {**delivery.attributes, **event.attributes}
        pipeline.emit(event, to_console=delivery.belongs_on_console())
    except Exception:
        # A record of the app's own making may do anything; the app goes on.
        pass


def _event_or_none(record: logging.LogRecord) -> LogEvent | None:
    try:
        return event_of(record)
    except Exception:
        # As in `_deliver`.
        return None


def _handlers(logger: logging.Logger) -> Iterator[logging.Handler]:
    """Yield the handlers that a logger's records come to."""
    place: logging.Logger | None = logger
    while place is not None:
        yield from place.handlers
        place = place.parent if place.propagate else None


def _is_silenced(logger: logging.Logger) -> bool:
    """Tell whether a record that no console handler has shown was kept from the console on purpose."""
    handlers = list(_handlers(logger))
    if any(writes_to_console(handler) for handler in handlers):
        return True
    # The way to switch a logger off: a handler that does nothing, and no propagation.
    ends_early = not all(place.propagate for place in _up_to_root(logger))
    return ends_early and bool(handlers) and all(isinstance(handler, logging.NullHandler) for handler in handlers)


def _up_to_root(logger: logging.Logger) -> Iterator[logging.Logger]:
    place: logging.Logger | None = logger
    while place is not None and place.parent is not None:
        yield place
        place = place.parent


def writes_to_console(handler: logging.Handler) -> bool:
    """Tell whether what a handler writes comes out as the process's standard output or standard error.

    Args:
        handler: Any handler.
    """
    if isinstance(handler, logging.FileHandler):
        return getattr(handler, "baseFilename", None) in _CONSOLE_FILES
    if isinstance(handler, logging.StreamHandler):
        return is_console(getattr(handler, "stream", None))
    if type(handler).__module__ == "rich.logging":
        return is_console(getattr(getattr(handler, "console", None), "file", None))
    return False


def _passes_by_our_level(logger: logging.Logger) -> bool:
    """Tell whether the app has set no level that this logger goes by."""
    place: logging.Logger | None = logger
    while place is not None:
        if place.level:
            return type(place.level) is _OurLevel
        place = place.parent
    return False


def _is_of_logging() -> bool:
    """Tell whether the record was made by a logging call, which checks the level; `Logger.handle` alone does not."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 -- as `logging` itself finds the caller
    for _ in range(_FRAMES_BETWEEN):
        if frame is None:
            return False
        if frame.f_code is logging.Logger._log.__code__:  # noqa: SLF001 -- see above
            return True
        frame = frame.f_back
    return False
