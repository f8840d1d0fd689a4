# SPDX-License-Identifier: Apache-2.0
"""A library is instrumented when it is used, once, and its callers reach what stands there then."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from opentelemetry import context
from opentelemetry.instrumentation.utils import suppress_http_instrumentation, suppress_instrumentation

from dbx_otel.instrumentation import first_use
from tests.support.forking import exit_status_of_child


def new_module() -> Any:
    return ModuleType("shelf_of_books")


class Shelf:
    """A library, and an instrumentation that wraps its functions."""

    def __init__(self) -> None:
        self.attached = 0
        self.module = new_module()
        self.module.look = lambda *args, **kwargs: ("looked", args, kwargs)
        self.module.take = lambda: "taken"

        class Book:
            def read(self, *pages: int) -> tuple[str, Any, tuple[int, ...]]:
                """Read pages."""
                return "read", self, pages

            async def listen(self) -> str:
                return "heard"

            @classmethod
            def make(cls, title: str) -> tuple[type, str]:
                return cls, title

        self.module.Book = Book
        self.originals = {"look": self.module.look, "read": Book.read}

    def attach(self) -> None:
        self.attached += 1
        for name in ("look", "take"):
            setattr(self.module, name, wrapped(getattr(self.module, name)))
        self.module.Book.read = wrapped(self.module.Book.read)
        self.module.Book.make = classmethod(wrapped(self.module.Book.make.__func__))

    def watch(self, *points: str, attach: Callable[[], None] | None = None) -> None:
        first_use.wait_for([f"shelf_of_books:{point}" for point in points], self.module, attach or self.attach)


def wrapped(function: Any) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        return "wrapped", function(*args, **kwargs)

    return call


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def test_the_first_call_attaches_and_is_instrumented(shelf: Shelf) -> None:
    shelf.watch("look", "take")
    assert shelf.attached == 0
    assert shelf.module.look(1, a=2) == ("wrapped", ("looked", (1,), {"a": 2}))
    assert shelf.module.take() == ("wrapped", "taken")
    assert shelf.attached == 1


def test_a_function_that_the_app_has_taken_before_leads_to_the_instrumented_one(shelf: Shelf) -> None:
    shelf.watch("look")
    look = shelf.module.look
    assert look() == look() == shelf.module.look() == ("wrapped", ("looked", (), {}))
    assert shelf.attached == 1


def test_methods_keep_their_object_and_class_methods_their_class(shelf: Shelf) -> None:
    shelf.watch("Book.read", "Book.make")
    read = shelf.module.Book.read

    class Novel(shelf.module.Book):  # type: ignore[misc, name-defined]  # made by the fixture
        def read(self, *pages: int) -> Any:
            return "novel", super().read(*pages)

    novel = Novel()
    assert novel.read(1, 2) == ("novel", ("wrapped", ("read", novel, (1, 2))))
    assert read(novel, 3) == ("wrapped", ("read", novel, (3,)))
    assert Novel.make("a") == ("wrapped", (Novel, "a"))
    assert shelf.attached == 1


def test_class_methods_attach_too(shelf: Shelf) -> None:
    shelf.watch("Book.make")
    assert shelf.module.Book.make("a") == ("wrapped", (shelf.module.Book, "a"))
    assert shelf.attached == 1


def test_coroutine_functions_are_awaited_as_before(shelf: Shelf) -> None:
    shelf.watch("Book.listen")
    assert asyncio.run(shelf.module.Book().listen()) == "heard"
    assert shelf.attached == 1


def test_the_watcher_looks_like_the_function(shelf: Shelf) -> None:
    shelf.watch("Book.read")
    read = shelf.module.Book.read
    assert (read.__name__, read.__doc__, read.__wrapped__) == ("read", "Read pages.", shelf.originals["read"])


@pytest.mark.parametrize("suppress", [suppress_http_instrumentation, suppress_instrumentation])
def test_a_call_that_wants_no_telemetry_attaches_nothing(shelf: Shelf, suppress: Callable[[], Any]) -> None:
    shelf.watch("look", "Book.make")
    with suppress():
        assert shelf.module.look() == ("looked", (), {})
        assert shelf.module.Book.make("a") == (shelf.module.Book, "a")
    assert shelf.attached == 0
    assert shelf.module.look()[0] == "wrapped"


def test_the_plain_key_suppresses_as_well(shelf: Shelf) -> None:
    shelf.watch("look")
    token = context.attach(context.set_value("suppress_instrumentation", True))
    try:
        assert shelf.module.look()[0] == "looked"
    finally:
        context.detach(token)
    assert shelf.attached == 0


def test_where_nobody_has_loaded_opentelemetry_nobody_can_have_suppressed_it(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "opentelemetry.context")
    shelf.watch("look")
    assert shelf.module.look()[0] == "wrapped"


def test_who_has_wrapped_the_watcher_does_not_call_himself_for_ever(shelf: Shelf) -> None:
    shelf.watch("look")
    shelf.module.look = wrapped(shelf.module.look)  # the app instruments the library itself
    assert shelf.module.look() == ("wrapped", ("looked", (), {}))
    assert shelf.attached == 1
    assert shelf.module.look() == ("wrapped", ("wrapped", ("looked", (), {})))


def test_an_attachment_that_does_nothing_leaves_the_function(shelf: Shelf) -> None:
    shelf.watch("look", attach=lambda: None)
    assert shelf.module.look() == ("looked", (), {})
    assert shelf.module.look is shelf.originals["look"]


def test_an_attachment_that_uses_the_library_does_not_wait_for_itself(shelf: Shelf) -> None:
    used: list[Any] = []

    def attach() -> None:
        used.append(look())
        shelf.attach()

    shelf.watch("look", attach=attach)
    look = shelf.module.look
    assert look()[0] == "wrapped"
    assert used == [("looked", (), {})]


def test_calls_of_other_threads_wait_for_the_attachment(shelf: Shelf) -> None:
    def attach() -> None:
        time.sleep(0.1)
        shelf.attach()

    shelf.watch("look", attach=attach)
    look, answers = shelf.module.look, []
    threads = [threading.Thread(target=lambda: answers.append(look()[0])) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["wrapped"] * 5
    assert shelf.attached == 1


def test_a_call_does_not_wait_for_ever(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_use, "_LONGEST_WAIT", 0.05)
    release, begun = threading.Event(), threading.Event()

    def attach() -> None:
        begun.set()
        release.wait(5)

    shelf.watch("look", attach=attach)
    look = shelf.module.look
    slow = threading.Thread(target=look)
    slow.start()
    begun.wait(5)
    assert look() == ("looked", (), {})
    release.set()
    slow.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_forked_while_another_thread_attaches_goes_on(shelf: Shelf) -> None:
    release, begun = threading.Event(), threading.Event()

    def attach() -> None:
        begun.set()
        release.wait(10)

    shelf.watch("look", attach=attach)
    look = shelf.module.look
    slow = threading.Thread(target=look)
    slow.start()
    begun.wait(5)

    def child() -> bool:
        began = time.monotonic()
        return look() == ("looked", (), {}) and time.monotonic() - began < first_use._LONGEST_WAIT / 2

    try:
        assert exit_status_of_child(child) == 0
    finally:
        release.set()
        slow.join()


@pytest.mark.parametrize("point", ["nothing", "Book.nothing", "Nothing.at.all", "look.deeper"])
def test_what_a_release_does_not_have_is_passed_over(shelf: Shelf, point: str) -> None:
    shelf.watch(point, "take")
    assert shelf.module.take() == ("wrapped", "taken")


def test_modules_that_come_later_are_watched_when_they_come(
    shelf: Shelf, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "second_shelf.py").write_text("def look(): return 'second'\n")
    monkeypatch.syspath_prepend(tmp_path)
    first_use.wait_for(["second_shelf:look"], shelf.module, shelf.attach)
    import second_shelf  # type: ignore[import-not-found]  # made above

    assert shelf.attached == 0
    assert second_shelf.look() == "second"
    assert shelf.attached == 1


def test_modules_that_come_after_the_first_use_are_not_watched(
    shelf: Shelf, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "third_shelf.py").write_text("def look(): return 'third'\n")
    monkeypatch.syspath_prepend(tmp_path)
    first_use.wait_for(["shelf_of_books:look", "third_shelf:look"], shelf.module, shelf.attach)
    shelf.module.look()
    import third_shelf  # type: ignore[import-not-found]  # made above

    assert not hasattr(third_shelf.look, "__wrapped__")
