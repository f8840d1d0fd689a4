# SPDX-License-Identifier: Apache-2.0
"""Each instrumentation on its own: one that fails is reported once, with what, why and remedy, and touches no other."""

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from opentelemetry.instrumentation.dependencies import DependencyConflict, DependencyConflictError

from dbx_otel.instrumentation import attach, lifecycle, post_import
from dbx_otel.instrumentation.catalog import LIBRARIES, LOGS, NOTHING, Library

LIBRARY = ModuleType("shelf")
APPLIED: list[tuple[str, Any]] = []


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DBX_OTEL_RUN_SAID", "")
    monkeypatch.setattr(lifecycle, "_disabled", None)
    monkeypatch.setattr(lifecycle, "_by_contrib", None)
    monkeypatch.setattr(lifecycle, "_start", None)
    APPLIED.clear()
    yield
    lifecycle._disabled = lifecycle._by_contrib = None


def starting() -> bool:
    APPLIED.append(("sdk", None))
    return True


class Instrumentor:
    is_instrumented_by_opentelemetry = False
    error: Exception | None = None

    def instrument(self, **kwargs: Any) -> None:
        if self.error is not None:
            raise self.error
        APPLIED.append(("contrib", kwargs))


def hook_module(monkeypatch: pytest.MonkeyPatch, name: str, **content: Any) -> str:
    module = ModuleType(name)
    module.__dict__.update(content)
    monkeypatch.setitem(sys.modules, name, module)
    return name


def own(monkeypatch: pytest.MonkeyPatch, name: str = "own", error: Exception | None = None, **more: Any) -> Library:
    def instrument(module: ModuleType) -> None:
        if error is not None:
            raise error
        APPLIED.append((name, module))

    return Library(name, "shelf", hook_module(monkeypatch, f"hook_of_{name}", instrument=instrument), **more)


def contrib(monkeypatch: pytest.MonkeyPatch, error: Exception | None = None, **content: Any) -> Library:
    kind = type("Instrumentor", (Instrumentor,), {"error": error, **content})
    return Library("shelf", "shelf", f"{hook_module(monkeypatch, 'contrib_shelf', Kind=kind)}:Kind")


def test_own_hooks_take_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    attach._attach(own(monkeypatch), LIBRARY)
    assert APPLIED == [("own", LIBRARY)]


def test_contrib_hooks_are_asked_to_raise_on_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    attach._attach(contrib(monkeypatch), LIBRARY)
    assert APPLIED == [("contrib", {"raise_exception_on_conflict": True})]


@pytest.mark.parametrize(("value", "by"), [("shelf", "contrib"), ("*", "contrib"), ("", "own"), ("cupboard", "own")])
def test_contrib_takes_the_place_of_a_hook_of_ours_where_asked_for(
    value: str, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBX_OTEL_CONTRIB_INSTRUMENTATIONS", value)
    row = Library("shelf", "shelf", own(monkeypatch).hook, contrib=contrib(monkeypatch).hook)
    attach._attach(row, LIBRARY)
    assert [name for name, _ in APPLIED] == [by]


def test_a_library_is_instrumented_at_its_first_use_where_the_catalog_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    lifecycle.start_with(starting)
    shelf: Any = ModuleType("shelf")
    shelf.look = lambda: APPLIED.append(("looked", None))
    row = own(monkeypatch, first_use=("shelf:look",))
    attach._attach_in_time(row, shelf)
    assert APPLIED == []
    shelf.look()
    shelf.look()
    assert [name for name, _ in APPLIED] == ["sdk", "own", "looked", "looked"]


def test_a_library_that_is_switched_off_is_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBX_OTEL_DISABLED_INSTRUMENTATIONS", "own")
    shelf: Any = ModuleType("shelf")
    look = shelf.look = lambda: None
    attach._attach_in_time(own(monkeypatch, first_use=("shelf:look",)), shelf)
    assert shelf.look is look


def test_what_the_app_instrumented_itself_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    attach._attach(contrib(monkeypatch, is_instrumented_by_opentelemetry=True), LIBRARY)
    assert APPLIED == []


@pytest.mark.parametrize(
    ("conflict", "why"),
    [
        (
            DependencyConflict(required="shelf >= 2", found="shelf 1.0"),
            "its instrumentation takes shelf >= 2, installed is shelf 1.0.",
        ),
        (
            DependencyConflict(required="shelf >= 2"),
            "its instrumentation takes shelf >= 2, installed is no such package.",
        ),
        (
            DependencyConflict(required_any=["shelf >= 2", "shelf2"], found_any=["shelf 1.0"]),
            "its instrumentation takes shelf >= 2 or shelf2, installed is shelf 1.0.",
        ),
    ],
)
def test_a_version_out_of_range_is_reported_once(
    conflict: DependencyConflict, why: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    library = contrib(monkeypatch, DependencyConflictError(conflict))
    attach._attach(library, LIBRARY)
    attach._attach(library, LIBRARY)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith(f"dbx-otel: shelf is not instrumented: {why} ")
    assert "Remedy: install a version in that range" in err
    assert "DBX_OTEL_DISABLED_INSTRUMENTATIONS=shelf" in err


def test_a_real_conflict_is_reported(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    from opentelemetry.instrumentation.flask import FlaskInstrumentor

    monkeypatch.setattr(FlaskInstrumentor, "instrumentation_dependencies", lambda _: ["flask >= 99"])
    monkeypatch.setattr(FlaskInstrumentor, "_is_instrumented_by_opentelemetry", False)
    (flask,) = (library.by_contrib() for library in LIBRARIES if library.name == "flask" and library.contrib)
    attach._attach(flask, LIBRARY)
    err = capfd.readouterr().err
    assert "flask is not instrumented: its instrumentation takes flask >= 99, installed is flask 3." in err


def test_one_that_raises_touches_no_other(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    libraries = [
        own(monkeypatch, "first"),
        own(monkeypatch, "second", error=KeyError("broken")),
        contrib(monkeypatch, RuntimeError("broken too")),
        own(monkeypatch, "last"),
    ]
    for library in libraries:
        attach._attach(library, LIBRARY)
    assert APPLIED == [("first", LIBRARY), ("last", LIBRARY)]
    lines = capfd.readouterr().err.splitlines()
    assert [line.split("Everything")[0] for line in lines] == [
        "dbx-otel: second is not instrumented: KeyError: 'broken'. ",
        "dbx-otel: shelf is not instrumented: RuntimeError: broken too. ",
    ]
    assert all("Remedy: report this" in line for line in lines)


def test_an_instrumentation_that_is_not_installed_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lifecycle.start_with(starting)
    hook = "opentelemetry.instrumentation.no_such_instrumentation:Instrumentor"
    attach._attach(Library("shelf", "shelf", hook), LIBRARY)
    attach._attach(Library("shelf", "shelf", "no_such_top.level:Instrumentor"), LIBRARY)
    assert capfd.readouterr().err == ""
    assert APPLIED == []  # nothing comes of it: the SDK is not needed


def test_an_instrumentation_that_lacks_something_is_reported(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    (tmp_path / "contrib_lacking.py").write_text("import contrib")
    monkeypatch.syspath_prepend(tmp_path)
    attach._attach(Library("shelf", "shelf", "contrib_lacking:Instrumentor"), LIBRARY)
    assert "shelf is not instrumented: ModuleNotFoundError: No module named 'contrib'" in capfd.readouterr().err


def test_a_hook_of_ours_that_is_missing_is_reported(capfd: pytest.CaptureFixture[str]) -> None:
    attach._attach(Library("shelf", "shelf", "dbx_otel.instrumentation.no_such_hook"), LIBRARY)
    assert "shelf is not instrumented: ModuleNotFoundError" in capfd.readouterr().err


def test_the_sdk_is_started_first_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    lifecycle.start_with(starting)
    attach._attach(own(monkeypatch, "plain", needs=NOTHING), LIBRARY)
    attach._attach(own(monkeypatch, "spans"), LIBRARY)
    assert [name for name, _ in APPLIED] == ["plain", "sdk", "spans"]


def test_logs_are_prepared_once_and_first(monkeypatch: pytest.MonkeyPatch) -> None:
    lifecycle.prepare_logs_with(lambda: APPLIED.append(("logs", None)))
    for name in ("one", "two"):
        attach._attach(own(monkeypatch, name, needs=LOGS), LIBRARY)
    assert [name for name, _ in APPLIED] == ["logs", "one", "two"]


def test_where_the_sdk_cannot_start_nothing_is_attached_and_nothing_more_said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lifecycle.start_with(lambda: False)
    attach._attach(own(monkeypatch), LIBRARY)
    attach._attach(contrib(monkeypatch, RuntimeError("broken")), LIBRARY)
    attach._attach(Library("shelf", "shelf", "dbx_otel.instrumentation.no_such_hook"), LIBRARY)
    assert APPLIED == []
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("variable", ["DBX_OTEL_DISABLED_INSTRUMENTATIONS", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"])
@pytest.mark.parametrize(
    ("value", "left"), [("one", ["two"]), (" two , x", ["one"]), ("*", []), ("One", ["one", "two"])]
)
def test_disabled_ones_are_left_out(
    variable: str, value: str, left: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    for name in ("one", "two"):
        attach._attach(own(monkeypatch, name), LIBRARY)
    assert [name for name, _ in APPLIED] == left


def test_watching_waits_for_all_and_imports_none(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[str] = []
    monkeypatch.setattr(attach, "when_imported", lambda name, _: waited.append(name))
    before = set(sys.modules)
    attach.watch()
    assert waited == [library.module for library in LIBRARIES]
    assert set(sys.modules) == before


def test_each_hook_is_about_its_own_library(monkeypatch: pytest.MonkeyPatch) -> None:
    libraries = [own(monkeypatch, name) for name in ("one", "two")]
    monkeypatch.setattr(attach, "LIBRARIES", libraries)
    hooks: list[post_import.Hook] = []
    monkeypatch.setattr(attach, "when_imported", lambda _, hook: hooks.append(hook))
    attach.watch()
    for hook in hooks:
        hook(LIBRARY)
    assert [name for name, _ in APPLIED] == ["one", "two"]
