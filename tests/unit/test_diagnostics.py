# SPDX-License-Identifier: Apache-2.0
"""Single lines on standard error, each once a launch, whatever has become of standard error."""

import io
import os
import subprocess
import sys

import pytest

from dbx_otel import diagnostics

SAY = "from dbx_otel.diagnostics import say; say('the line')"


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBX_OTEL_RUN_SAID", "")
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # what cannot be written stays in a buffer, if there is one


def python(code: str, **how: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload, no-any-return]  # `how` is passed on
        [sys.executable, "-c", code],
        text=True,
        check=False,
        timeout=30,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how},
    )


def test_each_line_is_said_once(capfd: pytest.CaptureFixture[str]) -> None:
    for text in ("one", "two", "one", "two ", "three"):
        diagnostics.say(text)
    assert capfd.readouterr() == ("", "dbx-otel: one\ndbx-otel: two\ndbx-otel: three\n")


def test_line_breaks_become_spaces(capfd: pytest.CaptureFixture[str]) -> None:
    diagnostics.say(" a\nb\r\n\tc ")
    assert capfd.readouterr().err == "dbx-otel: a b c\n"


@pytest.mark.parametrize("text", ["ž🙂", "\ud800"])
def test_any_text_can_be_said(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    diagnostics.say(text)
    assert capfd.readouterr().err.startswith("dbx-otel: ")


def test_once_across_processes() -> None:
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SAY!r}])"
    done = python(f"{SAY}; say('another'); {child}; {child}")
    assert done.stderr == "dbx-otel: the line\ndbx-otel: another\n"
    forked = python(f"{SAY}\nimport os\nif os.fork(): os.wait()\nsay('the line')")
    assert forked.stderr == "dbx-otel: the line\n"


def test_what_the_app_put_in_place_of_standard_error_is_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    diagnostics.say("heard")
    assert stream.getvalue() == "dbx-otel: heard\n"


@pytest.mark.parametrize(
    "stderr", ["None", "open(os.devnull)", "type('Odd', (), {})()", "io.BytesIO()"], ids=lambda text: text[:6]
)
def test_no_standard_error_is_no_exception(stderr: str) -> None:
    done = python(f"import io, os, sys; sys.stderr = {stderr}; {SAY}; sys.stderr = None; print('on')")
    assert (done.returncode, done.stdout) == (0, "on\n")


@pytest.mark.parametrize("closing", ["2>&-", "2>/dev/full"])
def test_nobody_hears_it_and_the_status_stays(closing: str) -> None:
    command = f'exec {sys.executable} -c "{SAY}; print(1)" {closing}'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_a_reader_that_has_gone_is_no_exception() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = python(f"{SAY}; print(1)", stderr=writer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stdout) == (0, "1\n")
