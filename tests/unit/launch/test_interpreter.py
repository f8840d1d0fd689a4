# SPDX-License-Identifier: Apache-2.0
"""What a Python does at its start, and what never ends it."""

import os
import site
from pathlib import Path

import pytest

from dbx_otel import distro
from dbx_otel.launch import interpreter
from dbx_otel.launch.command import add_variables, path_entry
from dbx_otel.launch.interpreter import DEFAULTS, begin, begin_after_site, is_enabled


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "_begun", False)
    monkeypatch.setenv("DBX_OTEL_RUN_SAID", "")
    for name in (*DEFAULTS, "DBX_OTEL_ENABLED"):
        monkeypatch.setenv(name, "to be restored")
        monkeypatch.delenv(name)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    monkeypatch.setattr(distro, "begin", lambda: calls.append("begun"))
    return calls


def test_it_begins_once(begun: list[str]) -> None:
    begin()
    begin()
    assert begun == ["begun"]


def test_what_is_set_stays(begun: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http/dup")
    monkeypatch.setenv("GRPC_ENABLE_FORK_SUPPORT", "")
    begin()
    found = {name: os.environ[name] for name in DEFAULTS}
    assert found == {**DEFAULTS, "OTEL_SEMCONV_STABILITY_OPT_IN": "http/dup", "GRPC_ENABLE_FORK_SUPPORT": ""}


def test_switched_off_it_leaves_no_trace(begun: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBX_OTEL_ENABLED", "false")
    before = dict(os.environ)
    begin()
    assert begun == []
    assert dict(os.environ) == before


def test_a_failure_is_one_line(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise RuntimeError("broken\nin two")

    monkeypatch.setattr(distro, "begin", fail)
    begin()
    err = capfd.readouterr().err
    assert err == "dbx-otel: telemetry is off, the app is not touched: RuntimeError('broken\\nin two')\n"


@pytest.mark.parametrize("raises", [False, True])
def test_it_begins_after_the_users_sitecustomize(
    raises: bool, begun: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def sitecustomize() -> None:
        begun.append("site")
        if raises:
            raise SystemExit(3)

    monkeypatch.setattr(site, "execsitecustomize", sitecustomize)
    begin_after_site()
    begin_after_site()  # two environments, one inside the other
    assert begun == []
    if raises:
        with pytest.raises(SystemExit):
            site.execsitecustomize()
    else:
        site.execsitecustomize()
    assert begun == ["site", "begun"]
    assert site.execsitecustomize is sitecustomize


def test_an_interpreter_that_arranges_it_differently_begins_at_once(
    begun: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(site, "execsitecustomize")
    begin_after_site()
    assert begun == ["begun"]


@pytest.mark.parametrize(
    ("value", "enabled"),
    [
        *((None, True), ("", True), ("true", True), ("nonsense", True)),
        *(("false", False), (" FALSE ", False), ("0", False), ("no", False), ("Off", False)),
    ],
)
def test_the_switch(value: str | None, enabled: bool) -> None:
    assert is_enabled({} if value is None else {"DBX_OTEL_ENABLED": value}) is enabled


@pytest.mark.parametrize(
    ("given", "rest"),
    [(None, ""), ("", ""), ("/a", ":/a"), ("/a:/b", ":/a:/b"), ("/a:", ":/a:"), (":", "::"), (":/a", "::/a")],
)
def test_pythonpath(given: str | None, rest: str) -> None:
    environ = {} if given is None else {"PYTHONPATH": given}
    add_variables(environ)
    assert environ == {"DBX_OTEL_RUN": "1", "PYTHONPATH": path_entry() + rest}
    add_variables(environ)  # once more, in a command of the command
    assert environ["PYTHONPATH"] == path_entry() + rest


def test_the_path_entry_holds_sitecustomize_alone() -> None:
    assert [file.name for file in Path(path_entry()).iterdir() if file.suffix] == ["sitecustomize.py"]
