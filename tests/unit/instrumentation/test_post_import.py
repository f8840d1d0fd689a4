# SPDX-License-Identifier: Apache-2.0
"""A hook runs right after its module, before anyone else sees it, and leaves no other trace in it."""

import importlib
import importlib.resources
import importlib.util
import inspect
import itertools
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import wrapt

from dbx_otel.instrumentation import post_import
from dbx_otel.instrumentation.post_import import when_imported

_numbers = itertools.count()


class Folder:
    """A folder on sys.path to write modules into, and names that no other test uses."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def module(self, text: str = "value = 1", name: str = "") -> str:
        name = name or f"hooked_{next(_numbers)}"
        file = self.path.joinpath(*name.split(".")).with_suffix(".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        importlib.invalidate_caches()
        return name

    def package(self, text: str = "value = 1") -> str:
        name = f"hooked_{next(_numbers)}"
        self.module(text, f"{name}.__init__")
        return name


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield Folder(tmp_path)
    for name in set(sys.modules) - before:
        if name.startswith("hooked_"):
            del sys.modules[name]


def mark(module: ModuleType) -> None:
    module.seen = getattr(module, "seen", 0) + 1  # type: ignore[attr-defined]  # a mark


def test_the_importer_sees_what_the_hook_did(folder: Folder) -> None:
    name = folder.module()

    def change(module: ModuleType) -> None:
        assert module.value == 1
        module.value = 2  # type: ignore[attr-defined]  # a module's attribute

    when_imported(name, change)
    assert name not in sys.modules
    importer = folder.module(f"from {name} import value")
    assert importlib.import_module(importer).value == 2


def test_it_is_called_once_and_in_order(folder: Folder) -> None:
    name = folder.module()
    calls: list[int] = []
    for number in range(3):
        when_imported(name, lambda _, number=number: calls.append(number))  # type: ignore[misc]  # a default binds it
    importlib.import_module(name)
    importlib.import_module(name)
    assert calls == [0, 1, 2]


def test_already_imported_is_called_now(folder: Folder) -> None:
    name = folder.module()
    module = importlib.import_module(name)
    when_imported(name, mark)
    assert module.seen == 1


def test_submodules_are_told_apart(folder: Folder) -> None:
    package = folder.package()
    folder.module("value = 2", f"{package}.part")
    calls: list[str] = []
    for name in (f"{package}.part", package):
        when_imported(name, lambda module: calls.append(module.__name__))
    importlib.import_module(f"{package}.part")
    assert calls == [package, f"{package}.part"]


def test_imports_inside_imports(folder: Folder) -> None:
    inner = folder.module()
    outer = folder.module(f"import {inner}\nfrom {inner} import seen")
    when_imported(outer, mark)
    when_imported(inner, mark)
    assert importlib.import_module(outer).seen == 2  # the one it imported, and its own


def test_a_hook_may_import_and_register(folder: Folder) -> None:
    first, second, third = folder.module(), folder.module(), folder.module()
    when_imported(second, mark)

    def hook(module: ModuleType) -> None:
        module.second = importlib.import_module(second)  # type: ignore[attr-defined]  # a module's attribute
        when_imported(third, mark)
        when_imported(first, mark)

    when_imported(first, hook)
    module = importlib.import_module(first)
    assert module.second.seen == 1
    assert importlib.import_module(third).seen == 1


def test_a_module_that_fails_is_hooked_when_it_succeeds(folder: Folder) -> None:
    name = folder.module("raise RuntimeError('not yet')")
    when_imported(name, mark)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="not yet"):
            importlib.import_module(name)
        assert name not in sys.modules
    Path(folder.path, f"{name}.py").write_text("value = 'longer than before'")
    importlib.invalidate_caches()
    assert importlib.import_module(name).seen == 1


def test_a_traceback_of_a_failing_module_is_as_without(folder: Folder) -> None:
    name = folder.module("import no_such_module_anywhere")
    when_imported(name, mark)
    with pytest.raises(ModuleNotFoundError) as raised:
        importlib.import_module(name)
    assert raised.value.name == "no_such_module_anywhere"


def test_a_module_that_does_not_exist_is_as_without() -> None:
    name = f"hooked_{next(_numbers)}"
    when_imported(name, mark)
    with pytest.raises(ModuleNotFoundError) as raised:
        importlib.import_module(name)
    assert raised.value.name == name
    assert importlib.util.find_spec(name) is None


def test_reload_is_no_second_import(folder: Folder) -> None:
    name = folder.module()
    when_imported(name, mark)
    module = importlib.import_module(name)
    assert importlib.reload(module) is module
    assert module.seen == 1


def test_a_namespace_package_can_be_imported(folder: Folder) -> None:
    name = f"hooked_{next(_numbers)}"
    folder.module("value = 1", f"{name}.part")
    when_imported(name, mark)
    when_imported(f"{name}.part", mark)
    assert importlib.import_module(f"{name}.part").seen == 1
    assert importlib.import_module(name).__path__


def test_builtin_and_zipped_modules(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = folder.path / "archive.zip"
    name = f"hooked_{next(_numbers)}"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(f"{name}.py", "value = 1")
    monkeypatch.syspath_prepend(archive)
    when_imported(name, mark)
    assert importlib.import_module(name).seen == 1
    monkeypatch.delitem(sys.modules, "_xxsubinterpreters", raising=False)
    calls: list[str] = []
    monkeypatch.delitem(sys.modules, "this", raising=False)
    monkeypatch.delitem(sys.modules, "xxlimited", raising=False)
    when_imported("xxlimited", lambda module: calls.append(module.__name__))
    importlib.import_module("xxlimited")
    assert calls == ["xxlimited"]


def test_the_loader_is_the_modules_own_again(folder: Folder) -> None:
    package = folder.package("import sys\ninside = __loader__, __spec__.loader\ndef f():\n    return 'source'\n")
    (folder.path / package / "data.txt").write_text("data")
    when_imported(package, mark)
    module = importlib.import_module(package)
    assert module.seen == 1
    assert module.__spec__ is not None
    for loader in (module.__loader__, module.__spec__.loader, *module.inside):
        assert type(loader) is SourceFileLoader or type(loader).__module__.startswith("_pytest")
    assert importlib.resources.files(package).joinpath("data.txt").read_text() == "data"
    assert "return 'source'" in inspect.getsource(module.f)
    assert module.__file__ == str(folder.path / package / "__init__.py")
    assert module.__spec__.has_location
    assert module.__spec__.submodule_search_locations == [str(folder.path / package)]


def test_looking_is_not_importing(folder: Folder) -> None:
    name = folder.module("value = 7")
    calls: list[ModuleType] = []
    when_imported(name, calls.append)
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin == str(folder.path / f"{name}.py")
    loader: Any = spec.loader
    assert loader.get_source(name) == "value = 7"
    assert eval(loader.get_code(name).co_code and "1") == 1  # runpy and pkgutil ask for the code
    assert calls == []
    assert importlib.import_module(name).value == 7
    assert len(calls) == 1


def test_a_lazy_import_stays_lazy(folder: Folder) -> None:
    name = folder.module("value = 1")
    when_imported(name, mark)
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    assert name in post_import._hooks
    assert module.value == 1
    assert module.seen == 1


def test_threads_that_import_at_once_all_see_it(folder: Folder) -> None:
    name = folder.module("import time; time.sleep(0.05); value = 1")

    def slow(module: ModuleType) -> None:
        threading.Event().wait(0.05)
        mark(module)

    when_imported(name, slow)
    start = threading.Barrier(8)
    seen: list[int] = []

    def work() -> None:
        start.wait()
        seen.append(importlib.import_module(name).seen)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert seen == [1] * 8


def test_threads_that_import_different_modules_do_not_mix(folder: Folder) -> None:
    names = [folder.module(f"import time; time.sleep(0.01); value = {number}") for number in range(12)]
    for name in names:
        when_imported(name, mark)
    threads = [threading.Thread(target=importlib.import_module, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert [sys.modules[name].seen for name in names] == [1] * 12


@pytest.fixture
def meta_path() -> Iterator[list[Any]]:
    before = list(sys.meta_path)
    yield sys.meta_path
    sys.meta_path[:] = before


def first(meta_path: list[Any], finder: Any) -> None:
    if finder in meta_path:
        meta_path.remove(finder)
    meta_path.insert(0, finder)


def test_two_finders_beside_each_other(folder: Folder, meta_path: list[Any]) -> None:
    first(meta_path, post_import._Finder())
    name = folder.module()
    when_imported(name, mark)
    module = importlib.import_module(name)
    assert module.seen == 1
    assert not isinstance(module.__loader__, post_import._Loader)


@pytest.mark.parametrize("ours_first", [True, False])
def test_hooks_of_wrapt_beside_ours(folder: Folder, meta_path: list[Any], ours_first: bool) -> None:
    name = folder.module()
    calls: list[str] = []
    theirs = importlib.import_module("wrapt.importer").ImportHookFinder()
    first(meta_path, theirs)
    wrapt.register_post_import_hook(lambda _: calls.append("wrapt"), name)
    when_imported(name, lambda _: calls.append("ours"))
    first(meta_path, post_import._finder if ours_first else theirs)
    module = importlib.import_module(name)
    assert sorted(calls) == ["ours", "wrapt"]
    assert module.__spec__ is not None
    for loader in (module.__loader__, module.__spec__.loader):
        assert not isinstance(loader, post_import._Loader)
        assert "ImportHook" not in type(loader).__name__


def test_a_finder_that_asks_all_finders_again(folder: Folder, meta_path: list[Any]) -> None:
    class Asking:
        def __init__(self) -> None:
            self.asked = 0

        def find_spec(self, name: str, *_: Any) -> Any:
            if not name.startswith("hooked_") or self.asked:
                return None
            self.asked += 1
            return importlib.util.find_spec(name)

    asking = Asking()
    first(meta_path, asking)
    name = folder.module()
    when_imported(name, mark)
    first(meta_path, post_import._finder)
    spec = post_import._finder.find_spec(name)
    assert spec is not None
    assert isinstance(spec.loader, post_import._Loader)
    assert not isinstance(spec.loader._loader, post_import._Loader)
    assert asking.asked
    asking.asked = 0
    assert importlib.import_module(name).seen == 1
    assert asking.asked


def test_finders_of_the_old_kind_are_passed_over(folder: Folder, meta_path: list[Any]) -> None:
    first(meta_path, object())
    name = folder.module()
    when_imported(name, mark)
    first(meta_path, post_import._finder)
    assert post_import._finder.find_spec(name) is not None


def test_modules_without_a_hook_are_not_touched(folder: Folder) -> None:
    finder: Callable[..., Any] = post_import._finder.find_spec
    assert finder(folder.module()) is None
