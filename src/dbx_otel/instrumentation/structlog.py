# SPDX-License-Identifier: Apache-2.0
"""structlog: every event dict becomes a log event, as the app's processors leave it before the last one renders it.

What the app's processors blank stays blank, and what they drop stays dropped. Where structlog ends in `logging`,
the event travels with the rendered line, and `logging`'s instrumentation delivers it. Where it ends in a console,
the line is not printed a second time; where it ends in a file, it goes on into the file.
"""

from __future__ import annotations

import sys
from functools import wraps
from typing import TYPE_CHECKING, Any

from dbx_otel.logs import pipeline
from dbx_otel.logs.console import is_console
from dbx_otel.logs.from_structlog import event_of, rendered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType, ModuleType

    from dbx_otel.logs.record import LogEvent

_DONE = "_dbx_otel_instrumented"


def instrument(module: ModuleType) -> None:
    """Take the events of every bound logger made from now on.

    Args:
        module: `structlog._base`.

    Raises:
        AttributeError: structlog is not built as it is in the versions known (22 and later).
    """
    bound_logger, drop_event = module.BoundLoggerBase, module.DropEvent
    if getattr(module, _DONE, False):
        return
    original = bound_logger.__init__

    @wraps(original)
    def init(self: Any, logger: Any, processors: Any, context: Any) -> None:
        if not isinstance(processors, _Tapped):
            processors = _Tapped(processors, drop_event)
        original(self, logger, processors, context)

    bound_logger.__init__ = init
    setattr(module, _DONE, True)


class _Tapped:
    """The app's processors with ours around the last one.

    Looks at the app's list anew for each event: `structlog.testing.capture_logs` changes it in place.

    Args:
        processors: The app's processors.
        drop_event: The exception by which a processor ends the way of an event.
    """

    def __init__(self, processors: Any, drop_event: type[Exception]) -> None:
        self._processors = processors
        self._drop_event = drop_event

    def __iter__(self) -> Iterator[Any]:
        processors = list(self._processors)
        # structlog's own way to test what an app logs is not to find less than without us.
        if not pipeline.is_installed() or not processors or type(processors[-1]).__name__ == "LogCapture":
            return iter(processors)
        tap = _Tap(self._drop_event)
        return iter((*processors[:-1], tap.before_last, processors[-1], tap.after_last))

    def __len__(self) -> int:
        return len(self._processors)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._processors, name)


class _Tap:
    """Our two processors, for one event."""

    def __init__(self, drop_event: type[Exception]) -> None:
        self._drop_event = drop_event
        self._event: LogEvent | None = None
        self._is_delivered = False

    def before_last(self, logger: Any, method: str, event_dict: Any) -> Any:
        """Take the event, and deliver it unless `logging` will."""
        try:
            self._event = _event(logger, method, event_dict)
            if not _is_of_logging(logger):
                pipeline.emit(self._event)
                self._is_delivered = True
        except Exception:
            # An event dict of the app's own making may do anything: it goes on as if we were not there.
            return event_dict
        if self._is_delivered and pipeline.owns_console() and is_console(getattr(logger, "_file", None)):
            raise self._drop_event
        return event_dict

    def after_last(self, _logger: Any, _method: str, line: Any) -> Any:
        """Let the event travel with the line that was made of it."""
        if self._event is None:
            return line
        if isinstance(line, str):
            return rendered(line, self._event, is_delivered=self._is_delivered)
        if isinstance(line, dict) and isinstance(line.get("msg"), str):
            return {**line, "msg": rendered(line["msg"], self._event, is_delivered=self._is_delivered)}
        return line


def _event(logger: Any, method: str, event_dict: Any) -> LogEvent:
    frame, module = _caller()
    name = getattr(logger, "name", None)
    if isinstance(event_dict, dict):
        return event_of(event_dict, method, name if isinstance(name, str) else module, frame)
    # A renderer stands before the last processor: its line is all there is.
    text = event_dict.decode("utf-8", "replace") if isinstance(event_dict, bytes) else event_dict
    said: Mapping[str, Any] = {"event": text}
    return event_of(said, method, name if isinstance(name, str) else module, frame)


def _is_of_logging(logger: Any) -> bool:
    logging = sys.modules.get("logging")
    return logging is not None and isinstance(logger, logging.Logger)


def _caller() -> tuple[FrameType | None, str]:
    """Return where the logger was called, and the module's name."""
    from structlog._frames import _find_first_app_frame_and_name

    frame, name = _find_first_app_frame_and_name(["dbx_otel."])
    return frame, name
