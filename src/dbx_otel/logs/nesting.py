# SPDX-License-Identifier: Apache-2.0
"""Records inside records: a logging library that hands its record on to another one must not be heard twice.

loguru's InterceptHandler takes a record of `logging` into loguru, its PropagateHandler takes one the other
way, both while the first library is still delivering. Each delivery therefore stands in a context variable
while it lasts. A record of the other library that comes up directly inside and is the same record handed on, is an
echo: the outer delivery is told what became of it and speaks for both. Any other record that comes up inside (a
handler that logs what it does) is a record of its own, also where it quotes the outer one.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbx_otel.logs.record import LogEvent

    Library = Literal["logging", "loguru"]
    Texts = Callable[[], tuple[str, ...]]


class Delivery:
    """One record on its way through a logging library.

    Attributes:
        library: Which library delivers: `logging` or `loguru`.
        record: The record, as the library has it: a `LogRecord`; a dict, or `None` as long as no sink has seen it.
        texts: Gives the message as it came in and as it goes out; asked only when another record comes up inside.
        event: The event, as the last outlet on the console that accepted the record has seen it.
        shown: Whether an outlet of the app would have put it on the console.
        held_back: Whether an outlet on the console has declined it.
        refused: Whether a library that it was handed on to has thrown it away.
        is_too_low: Whether its level is below the one from which records are taken.
        quiet: Whether the app's handlers are only asked, and are not to do anything.
        attributes: What echoes have added.
        outer: The delivery inside which this one came up.
    """

    __slots__ = (
        "attributes",
        "event",
        "held_back",
        "is_too_low",
        "library",
        "outer",
        "quiet",
        "record",
        "refused",
        "shown",
        "texts",
    )

    def __init__(self, library: Library, record: Any, texts: Texts, outer: Delivery | None) -> None:
        self.library = library
        self.record = record
        self.texts = texts
        self.event: LogEvent | None = None
        self.shown = False
        self.held_back = False
        self.refused = False
        self.is_too_low = False
        self.quiet = False
        self.attributes: dict[str, Any] = {}
        self.outer = outer

    def belongs_on_console(self) -> bool:
        """Tell whether the record belongs on standard output: unless the app's own console has declined it."""
        return self.shown or not self.held_back

    def original(self) -> Delivery | None:
        """Return the delivery whose echo this one is, if it is one."""
        outer = self.outer
        if outer is None or outer.library == self.library:
            return None
        carries = not set(self.texts()).isdisjoint(outer.texts())
        return outer if carries or _is_made_of(self.record, outer.record) else None

    def tell(self, original: Delivery) -> None:
        """Tell the original what has become of its echo.

        Args:
            original: The delivery that speaks for both.
        """
        original.shown = original.shown or self.shown
        original.held_back = original.held_back or self.held_back
        original.refused = original.refused or self.refused
        original.attributes.update(self.attributes)


def _is_made_of(inner: Any, outer: Any) -> bool:
    """Tell whether loguru has made a record of `logging` (`inner`) of its own (`outer`), to give it to a handler.

    Its text is then what the sink's format makes of the message. A function sink gets that as a text which knows its
    record (loguru's `Message`). For a handler loguru makes a record (`StandardSink`) that names the place in the app's
    code which its own names; a record that the handler logs itself names the handler's.
    """
    if not isinstance(outer, dict) or inner is None:
        return False
    if isinstance(inner.msg, str) and getattr(inner.msg, "record", None) is outer:
        return True
    place = (outer["name"], outer["level"].no, outer["file"].path, outer["line"], outer["function"])
    return place == (inner.name, inner.levelno, inner.pathname, inner.lineno, inner.funcName)


_current: ContextVar[Delivery | None] = ContextVar("dbx-otel-delivery", default=None)


def current() -> Delivery | None:
    """Return the innermost delivery under way here."""
    return _current.get()


def begin(library: Library, record: Any, texts: Texts) -> Delivery:
    """Begin a delivery: what comes up until `end` comes up inside it.

    Args:
        library: Which library delivers.
        record: The record, as the library has it.
        texts: Gives the message as it came in and as it goes out.
    """
    delivery = Delivery(library, record, texts, _current.get())
    _current.set(delivery)
    return delivery


def end(delivery: Delivery) -> None:
    """End a delivery.

    Args:
        delivery: What `begin` has returned, in the same context.
    """
    _current.set(delivery.outer)
