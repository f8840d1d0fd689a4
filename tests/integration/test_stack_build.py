# SPDX-License-Identifier: Apache-2.0
"""The build of the stack's programs, tried on a Go module of one file that lies in a folder instead of a proxy."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from scripts.stack_lib import components
from scripts.stack_lib.build import BuildError, build
from scripts.stack_lib.components import COMPONENTS, OTELCOL, Component
from scripts.stack_lib.paths import REPOSITORY, cache_directory

pytestmark = pytest.mark.stack

MODULE = "example.com/tiny"
GOOD = 'package main\n\nfunc main() { println("hello") }\n'
BROKEN = "package main\n\nfunc main() { undefined_function() }\n"


@pytest.fixture(autouse=True)
def _away_from_the_real_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    monkeypatch.setenv("GOPROXY", f"file://{tmp_path / 'proxy'}")
    monkeypatch.setenv("GOSUMDB", "off")
    monkeypatch.setenv("GOFLAGS", "-modcacherw")


def published(tmp_path: Path, source: str) -> Component:
    """A component whose module has this source, with a `replace` of a folder that no published module contains."""
    versions = tmp_path / "proxy" / MODULE / "@v"
    versions.mkdir(parents=True)
    go_mod = f"module {MODULE}\n\ngo 1.24\n\nreplace example.com/other => ./other\n"
    (versions / "v1.0.0.info").write_text('{"Version": "v1.0.0"}')
    (versions / "v1.0.0.mod").write_text(go_mod)
    with zipfile.ZipFile(versions / "v1.0.0.zip", "w") as archive:
        archive.writestr(f"{MODULE}@v1.0.0/go.mod", go_mod)
        archive.writestr(f"{MODULE}@v1.0.0/cmd/tiny/main.go", source)
    return Component(
        name="tiny",
        module=MODULE,
        version="v1.0.0",
        programs={"tiny": "./cmd/tiny"},
        drop_replace=("example.com/other",),
    )


def test_a_program_is_built_once(tmp_path: Path) -> None:
    tiny = published(tmp_path, GOOD)
    said: list[str] = []
    build([tiny], said.append)
    done = subprocess.run([tiny.directory / "tiny"], capture_output=True, text=True, check=True)
    assert done.stderr == "hello\n"
    assert [line.partition(":")[0] for line in said] == ["tiny v1.0.0", "tiny v1.0.0"]
    built = (tiny.directory / "tiny").stat().st_mtime_ns
    build([tiny], said.append)
    assert len(said) == 2
    assert (tiny.directory / "tiny").stat().st_mtime_ns == built


def test_a_failed_build_says_why_and_leaves_nothing_that_looks_finished(tmp_path: Path) -> None:
    tiny = published(tmp_path, BROKEN)
    with pytest.raises(BuildError, match="undefined_function"):
        build([tiny], print)
    assert not tiny.directory.exists()


def test_a_build_goes_on_after_one_that_was_interrupted(tmp_path: Path) -> None:
    tiny = published(tmp_path, GOOD)
    left_over = cache_directory() / ".tiny.partial" / "output"
    left_over.mkdir(parents=True)
    (left_over / "tiny").write_text("half a program")
    build([tiny], print)
    done = subprocess.run([tiny.directory / "tiny"], capture_output=True, text=True, check=True)
    assert done.stderr == "hello\n"
    assert not left_over.exists()


def test_a_module_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    (tmp_path / "proxy").mkdir()
    absent = Component(name="absent", module="example.com/absent", version="v1.0.0", programs={"absent": "."})
    with pytest.raises(BuildError, match=r"example\.com/absent@v1\.0\.0"):
        build([absent], print)


def test_the_collector_is_built_anew_when_its_manifest_says_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = tmp_path / "builder.yaml"
    changed = Component(name="otelcol", module="m", version="v1", programs={}, manifest=manifest)
    manifest.write_text("# a word\ndist: {name: a}\n")
    first = changed.key
    manifest.write_text("# another word\ndist: {name: a}\n")
    assert changed.key == first
    manifest.write_text("dist: {name: b}\n")
    assert changed.key != first


def test_nothing_is_built_from_anywhere_but_go_modules() -> None:
    assert all(component.version.startswith("v") and "." in component.module for component in COMPONENTS)
    lines = OTELCOL.manifest.read_text().splitlines() if OTELCOL.manifest else []
    modules = [line for line in lines if line.startswith("  - ")]
    assert len(modules) > 20
    assert [line for line in modules if not line.startswith("  - gomod: ")] == []


def test_an_unknown_component_is_refused_with_those_that_there_are() -> None:
    done = subprocess.run(
        [REPOSITORY / "scripts" / "build-stack", "lokki"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "lokki" in done.stderr
    assert all(component.name in done.stderr for component in COMPONENTS)


def test_a_program_that_no_component_has_is_an_error() -> None:
    with pytest.raises(KeyError, match="grafana"):
        components.program("grafana")
