# SPDX-License-Identifier: Apache-2.0
"""Attaches an instrumentation when its library is used for the first time, not when it is imported.

Libraries such as urllib3 and SQLAlchemy are imported by others in apps that never use them; OpenTelemetry's
instrumentations of them take tens of milliseconds to import. Loads nothing that the interpreter has not loaded already.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock

from dbx_otel.instrumentation.post_import import when_imported

TYPE_CHECKING = False  # as `typing` has it, without importing typing
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType
    from typing import Any

_LONGEST_WAIT = 1.0
"""Seconds that a call waits for another thread that is attaching; then it goes on without a span."""

_lock = RLock()


def wait_for(points: Sequence[str], imported: ModuleType, attach: Callable[[], None]) -> None:
    """Attach right before the first call to one of several functions; the call goes on to what stands there then.

    Args:
        points: The functions, as `module:name` or `module:Class.name`. Each is watched once its module is imported.
        imported: The module that has just been imported, which import hooks cannot tell from one that is not complete.
        attach: Attaches the instrumentation, called once at most. Must not raise.
    """
    use = _FirstUse(attach)
    for point in points:
        module, _, path = point.partition(":")
        hook = use.hook(path)
        if module == imported.__name__:
            hook(imported)
        else:
            when_imported(module, hook)


def _is_suppressed() -> bool:
    """Tell whether the caller wants no telemetry, such as an exporter that sends, or has its own of this call."""
    if "opentelemetry.context" not in sys.modules:
        return False
    from dbx_otel.instrumentation.suppression import is_suppressed

    return is_suppressed()


class _FirstUse:
    """The first use of a library.

    Args:
        attach: Attaches its instrumentation.
    """

    def __init__(self, attach: Callable[[], None]) -> None:
        self._attach = attach
        self._points: list[_Point] = []
        self._has_begun = False
        self._is_over = False

    def hook(self, path: str) -> Callable[[ModuleType], None]:
        """Return what watches a function of a module that has been imported; it never raises."""

        def watch(module: ModuleType) -> None:
            if self._has_begun:
                return
            owner: Any = module
            *outer, name = path.split(".")
            try:
                for part in outer:
                    owner = getattr(owner, part)
                self._points.append(_Point(self, owner, name))
            except Exception:
                # A release of the library that is made differently: there is nothing to watch.
                return

        return watch

    def happen(self) -> None:
        """Attach, if that has not been done."""
        if self._is_over or not _lock.acquire(timeout=_LONGEST_WAIT):
            return
        try:
            # Begun, and not over: further up in this very thread, or in the process that this one was forked from.
            if not self._has_begun:
                self._has_begun = True
                for point in self._points:
                    point.restore()
                self._attach()
                self._is_over = True
        finally:
            _lock.release()


class _Point:
    """A function whose first call is waited for.

    Args:
        use: What its call means.
        owner: Module or class of the function.
        name: Its name there.
    """

    def __init__(self, use: _FirstUse, owner: Any, name: str) -> None:
        self._use = use
        self._owner = owner
        self._name = name
        self._original = vars(owner)[name]
        self._is_overtaken = False
        self._watcher = self._watched()
        setattr(owner, name, self._watcher)

    def restore(self) -> None:
        """Put the function back, unless somebody has wrapped the watcher: it must not lead to itself."""
        if vars(self._owner).get(self._name) is self._watcher:
            setattr(self._owner, self._name, self._original)
        else:
            self._is_overtaken = True

    def _watched(self) -> Any:
        from functools import wraps

        if isinstance(self._original, classmethod):

            @wraps(self._original.__func__)
            def of_class(cls: Any, *args: Any, **kwargs: Any) -> Any:
                return self._next(cls)(*args, **kwargs)

            return classmethod(of_class)

        @wraps(self._original)
        def function(*args: Any, **kwargs: Any) -> Any:
            return self._next(None)(*args, **kwargs)

        return function

    def _next(self, cls: Any) -> Any:
        """Return what the call goes on to: what stands in the function's place now, or the function."""
        is_watched = _is_suppressed()
        if not is_watched:
            self._use.happen()
        if is_watched or self._is_overtaken or vars(self._owner).get(self._name) is self._watcher:
            return self._original.__get__(None, cls) if cls is not None else self._original
        return getattr(self._owner if cls is None else cls, self._name)


def _in_child() -> None:
    """Free a forked child of a lock that another thread of its parent held."""
    global _lock  # noqa: PLW0603 -- one process has one lock
    _lock = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
