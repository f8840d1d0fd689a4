# SPDX-License-Identifier: Apache-2.0
import io
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from dbx_otel.logs import console


class Wrapper:
    def __init__(self, wrapped: Any) -> None:
        self.wrapped = wrapped  # where colorama's AnsiToWin32 keeps it

    def write(self, text: str) -> int:
        return len(text)


class Hostile:
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


class Several:
    def __init__(self, *streams: Any) -> None:
        self.streams = list(streams)


@pytest.mark.usefixtures("capfd")
def test_the_process_own_streams() -> None:
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__, sys.stdout.buffer):
        assert console.is_console(stream)
    with os.fdopen(1, "w", closefd=False) as same_descriptor:
        assert console.is_console(same_descriptor)


def test_wrapped_streams() -> None:
    assert console.is_console(Wrapper(sys.stderr))
    assert not console.is_console(Wrapper(io.StringIO()))
    assert console.is_console(Several(sys.stderr))
    assert not console.is_console(Several())
    assert not console.is_console(Several(sys.stderr, io.StringIO()))


def test_redirected_stdout_is_the_console_while_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.StringIO()
    assert not console.is_console(buffer)
    monkeypatch.setattr(sys, "stdout", buffer)
    assert console.is_console(buffer)


def test_other_streams(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        assert not console.is_console(file)
    assert not console.is_console(file)
    for stream in (None, io.StringIO(), io.BytesIO(), Hostile(), object()):
        assert not console.is_console(stream)


def test_write_is_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    class Stream:
        def write(self, text: str) -> None:
            written.append(text)

        def flush(self) -> None:
            written.append("flush")

    monkeypatch.setattr(sys, "stdout", Stream())
    console.write("line", console.stdout())
    assert written == ["line\n", "flush"]


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("closed"), OSError(28, "full"), KeyError("odd")])
def test_write_never_raises(error: Exception) -> None:
    class Stream:
        def write(self, _: str) -> None:
            raise error

    console.write("line", Stream())
    console.write("line", None)


def test_reentrant_write_goes_past_the_buffer(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:

        class Stream:
            def write(self, _: str) -> None:
                raise RuntimeError("reentrant call inside <_io.BufferedWriter>")

            def fileno(self) -> int:
                return file.fileno()

        console.write("line", Stream())
    assert (tmp_path / "file").read_text() == "line\n"


def test_stdout_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    own = io.StringIO()
    monkeypatch.setattr(sys, "__stdout__", own)
    for gone in (closed, None):
        monkeypatch.setattr(sys, "stdout", gone)
        assert console.stdout() is own
    monkeypatch.setattr(sys, "__stdout__", None)
    assert console.stdout() is None


@pytest.mark.parametrize(
    ("encoding", "only"), [("utf-8", False), ("UTF_8", False), ("ascii", True), ("latin-1", True), (None, False)]
)
def test_takes_only_ascii(encoding: str | None, only: bool) -> None:
    stream = io.StringIO() if encoding is None else io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    assert console.takes_only_ascii(stream) is only
