# SPDX-License-Identifier: Apache-2.0
import io
import os
import sys
from contextlib import redirect_stdout
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
    for stream in (sys.__stdout__, sys.__stderr__):
        assert stream is not None
        assert console.is_console(stream)
        assert console.is_console(stream.buffer)
    with os.fdopen(1, "w", closefd=False) as same_descriptor:
        assert console.is_console(same_descriptor)


def test_wrapped_streams() -> None:
    assert console.is_console(Wrapper(sys.__stderr__))
    assert not console.is_console(Wrapper(io.StringIO()))
    assert console.is_console(Several(sys.__stderr__))
    assert not console.is_console(Several())
    assert not console.is_console(Several(sys.__stderr__, io.StringIO()))


class Unknown:
    """Something that an app puts in the place of `sys.stdout`."""


def test_a_stand_in_for_stdout_is_the_console_while_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = Unknown()
    assert not console.is_console(stand_in)
    monkeypatch.setattr(sys, "stdout", stand_in)
    assert console.is_console(stand_in)


def test_what_stdout_is_redirected_to_is_not_the_console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "file").open("w") as file:
        for stream in (io.StringIO(), io.TextIOWrapper(io.BytesIO()), file):
            monkeypatch.setattr(sys, "stdout", stream)
            assert not console.is_console(stream)


def test_other_streams(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        assert not console.is_console(file)
    assert not console.is_console(file)
    for stream in (None, io.StringIO(), io.BytesIO(), Hostile(), object()):
        assert not console.is_console(stream)


def test_write_is_one_call() -> None:
    written: list[str] = []

    class Stream:
        def write(self, text: str) -> None:
            written.append(text)

        def flush(self) -> None:
            written.append("flush")

    console.write("line", Stream())
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


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Stand in for the process's own stream, which a test cannot close."""
    stream = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "__stdout__", stream)
    monkeypatch.setattr(console, "_in_its_place", None)
    return stream


def test_lines_go_to_the_process_own_stream_wherever_the_app_redirects_its_own(own: Any) -> None:
    with redirect_stdout(io.StringIO()):
        assert console.stdout() is own


@pytest.mark.parametrize("lose", ["close", "detach", "never there"])
def test_stdout_falls_back(own: Any, lose: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if lose == "never there":
        monkeypatch.setattr(sys, "__stdout__", None)
    else:
        _kept = getattr(own, lose)()
    for no_file in (None, io.StringIO(), Unknown(), Hostile()):
        monkeypatch.setattr(sys, "stdout", no_file)
        assert console.stdout() is None
    with (tmp_path / "file").open("w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        assert console.stdout() is file
        with redirect_stdout(io.StringIO()):
            assert console.stdout() is file
    assert console.stdout() is None


@pytest.mark.parametrize(
    ("encoding", "only"), [("utf-8", False), ("UTF_8", False), ("ascii", True), ("latin-1", True), (None, False)]
)
def test_takes_only_ascii(encoding: str | None, only: bool) -> None:
    stream = io.StringIO() if encoding is None else io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    assert console.takes_only_ascii(stream) is only
