# SPDX-License-Identifier: Apache-2.0
"""Calls a hook right after a module has been imported, before its importer sees it.

`wrapt.register_post_import_hook` does the same, but importing wrapt costs more than the rest of the interpreter's start
(it brings `inspect`); this module imports nothing that the interpreter has not loaded already.
"""

from __future__ import annotations

import sys
from _thread import _local

TYPE_CHECKING = False  # as `typing` has it, without importing typing
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    Hook = Callable[[ModuleType], None]

_hooks: dict[str, list[Hook]] = {}


def when_imported(name: str, hook: Hook) -> None:
    """Call a hook once the module has been imported, or now if it has been.

    Args:
        name: Full name of the module.
        hook: Takes the module. Must not raise.
    """
    module = sys.modules.get(name)
    if module is not None and not _is_loading(module):
        hook(module)
        return
    _hooks.setdefault(name, []).append(hook)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def _is_loading(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


class _Finder:
    """Finds nothing itself: asks the other finders and gives what they find a loader that calls the hooks."""

    def __init__(self) -> None:
        self._searching = _local()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec: Any
        if name not in _hooks or getattr(self._searching, "name", None) == name:
            return None
        self._searching.name = name
        try:
            spec = _find_elsewhere(name, path, target)
        finally:
            self._searching.name = None
        if spec is not None and spec.loader is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader)
        return spec  # type: ignore[no-any-return]  # its loader is one by duck type only


def _find_elsewhere(name: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        if isinstance(finder, _Finder):
            continue
        find_spec = getattr(finder, "find_spec", None)
        spec: ModuleSpec | None = find_spec(name, path, target) if find_spec is not None else None
        if spec is not None:
            return spec
    return None


class _Loader:
    """Stands for the module's own loader, and calls the hooks when that has done its work."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        create: Callable[[ModuleSpec], ModuleType | None] | None = getattr(self._loader, "create_module", None)
        return create(spec) if create is not None else None

    def exec_module(self, module: ModuleType) -> None:
        # What reads the loader later (importlib.resources, inspect, reload) gets the real one.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        for hook in _hooks.pop(module.__name__, []):
            hook(module)


_finder = _Finder()
