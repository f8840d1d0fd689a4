# SPDX-License-Identifier: Apache-2.0
"""The catalog names what exists: hooks of ours, instrumentors of OpenTelemetry, modules of libraries."""

import importlib
import importlib.util
import re
import subprocess
import sys
import tomllib
from collections import Counter
from importlib import metadata

import pytest

from dbx_otel.instrumentation.catalog import LIBRARIES, LOGS, NOTHING, SDK, Library
from tests.support.launched import ROOT

OWN = [library for library in LIBRARIES if not library.is_contrib]
CONTRIB = [
    library.by_contrib() if library.contrib else library
    for library in LIBRARIES
    if library.is_contrib or library.contrib
]
ATTACHED_OTHERWISE = {"asyncio", "logging", "system-metrics"}
"""Core instrumentations that no import of a library brings: see `dbx_otel.distro`."""
BY_OURS = {"aiohttp-server", "asgi", "dbapi", "django", "wsgi"}
"""Core instrumentations that modules of ours use, or that others are built on."""


def installed(library: Library) -> bool:
    if library.distribution in sys.stdlib_module_names:
        return True
    try:
        metadata.version(library.distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def instrumentation_of(library: Library) -> str:
    return "opentelemetry-instrumentation-" + library.hook.partition(":")[0].rpartition(".")[2].replace("_", "-")


def core_dependencies() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {re.split("[<>=]", requirement)[0] for requirement in project["dependencies"]}


@pytest.mark.parametrize("library", OWN, ids=lambda library: library.name)
def test_hooks_of_ours_exist(library: Library) -> None:
    assert library.hook.startswith("dbx_otel.instrumentation.")
    assert callable(importlib.import_module(library.hook).instrument)


CORE = [library for library in CONTRIB if instrumentation_of(library) in core_dependencies()]


@pytest.mark.parametrize("library", CORE, ids=lambda library: library.name)
def test_instrumentors_that_come_with_us_exist(library: Library) -> None:
    assert importlib.util.find_spec(library.hook.partition(":")[0]) is not None


@pytest.mark.parametrize("library", [row for row in CORE if installed(row)], ids=lambda library: library.name)
def test_instrumentors_that_come_with_us_can_be_imported(library: Library) -> None:
    module, _, name = library.hook.partition(":")
    assert callable(getattr(importlib.import_module(module), name)().instrument)


def test_every_instrumentation_that_comes_with_us_is_used() -> None:
    ours = {
        name.removeprefix("opentelemetry-instrumentation-")
        for name in core_dependencies()
        if "-instrumentation-" in name
    }
    used = {instrumentation_of(library).removeprefix("opentelemetry-instrumentation-") for library in CONTRIB}
    assert ours - used == ATTACHED_OTHERWISE | BY_OURS


@pytest.mark.parametrize("library", CONTRIB, ids=lambda library: library.name)
def test_installed_entry_points_agree(library: Library) -> None:
    try:
        entries = metadata.distribution(instrumentation_of(library)).entry_points
    except metadata.PackageNotFoundError:
        assert library not in CORE
        return
    assert library.hook in {entry.value for entry in entries if entry.group == "opentelemetry_instrumentor"}


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: f"{library.name}-{library.module}")
def test_modules_exist_where_the_library_is_installed(library: Library) -> None:
    if installed(library):
        assert importlib.util.find_spec(library.module) is not None


def test_enough_of_them_are_installed_for_that_to_mean_something() -> None:
    assert {library.name for library in LIBRARIES if installed(library)} >= {
        *("stdlib-logging", "structlog", "loguru", "opentelemetry-api", "fastapi", "starlette", "flask", "tornado"),
        *("django", "aiohttp-server", "asgi", "wsgi", "uvicorn", "requests", "httpx", "urllib3", "aiohttp-client"),
        *("sqlalchemy", "multiprocessing"),
    }


def test_names_and_modules_are_unique() -> None:
    names = Counter(library.name for library in LIBRARIES)
    # Three modules of one API; and libraries whose instrumentation is completed by ours.
    several = {"opentelemetry-api": 3, "tornado": 2, "flask": 2}
    assert {name: count for name, count in names.items() if count > 1} == several
    modules = Counter(library.module for library in LIBRARIES)
    assert {module: count for module, count in modules.items() if count > 1} == {"flask": 2}
    assert all(re.fullmatch("[a-z0-9-]+", library.name) for library in LIBRARIES)


@pytest.mark.parametrize(
    "point",
    [point for library in LIBRARIES if installed(library) for point in library.first_use],
)
def test_first_uses_are_functions_that_exist(point: str) -> None:
    module, _, path = point.partition(":")
    if module == "sqlalchemy.ext.asyncio" and importlib.util.find_spec("greenlet") is None:
        return  # SQLAlchemy does not import it then
    found = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    assert callable(found)


def test_a_row_by_contrib_is_the_same_but_for_the_hook() -> None:
    for library in LIBRARIES:
        if library.contrib:
            other = library.by_contrib()
            assert (other.hook, other.contrib, other.is_contrib) == (library.contrib, "", True)
            for name in ("name", "module", "distribution", "first_use", "needs"):
                assert getattr(other, name) == getattr(library, name)


def test_what_they_need_is_one_of_three() -> None:
    assert {library.needs for library in LIBRARIES} == {SDK, LOGS, NOTHING}
    assert all(library.needs == SDK for library in CONTRIB)


def test_the_catalog_imports_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "import dbx_otel.instrumentation.attach\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert {name for name in done.stdout.split() if not name.startswith("dbx_otel")} <= {"__future__"}
