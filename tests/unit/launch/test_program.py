# SPDX-License-Identifier: Apache-2.0
"""Which commands can lead to a Python."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbx_otel.launch.program import find, interpreter_of, is_python, note_on, starts_others

ENVIRON = {"PATH": "/usr/bin:/bin"}
LONG = "'''exec' "


def program(folder: Path, content: bytes | str, name: str = "program") -> str:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize(
    ("first_lines", "interpreter", "python"),
    [
        ("#!/usr/bin/python3\n", "/usr/bin/python3", True),
        ("#!/usr/bin/python3.13t -I\n", "/usr/bin/python3.13t", True),
        ("#! /opt/pypy3.11\n", "/opt/pypy3.11", True),
        ("#!/usr/bin/env python\n", "python", True),
        ("#!/usr/bin/env -S python -u\n", "python", True),
        ("#!/usr/bin/env -S A=1 python3 -u\n", "python3", True),
        ("#!/usr/bin/env node\n", "node", False),
        ("#!/bin/sh\n", "/bin/sh", False),
        (f'#!/bin/sh\n{LONG}"/a b/python3" "$0" "$@"\n', "/a b/python3", True),
        (f'#!/bin/sh\n{LONG}/ab/python3 "$0" "$@"\n', "/ab/python3", True),
        (f"#!/bin/sh\n{LONG}/ab/python3 $0\n", "/ab/python3", True),
        (f"#!/bin/sh\n{LONG}\n", None, False),
        (f'#!/bin/sh\n{LONG}"\n', "", False),
        ("#!\n", None, False),
        ("#!", None, False),
        ("#!/usr/bin/env\n", None, False),
        ("echo hello\n", "/bin/sh", False),
        ("", "/bin/sh", False),
        ("#!/usr/bin/pythonic\n", "/usr/bin/pythonic", False),
    ],
)
def test_first_lines(first_lines: str, interpreter: str | None, python: bool, tmp_path: Path) -> None:
    path = program(tmp_path, first_lines)
    assert interpreter_of(path) == interpreter
    assert is_python(path) is python


@pytest.mark.parametrize("name", ["python", "python3", "python3.11", "python3.13t", "pypy3", "pypy3.11"])
def test_interpreters_are_known_by_name(name: str) -> None:
    assert is_python(f"/anywhere/{name}")


def test_a_binary_is_its_own_interpreter(tmp_path: Path) -> None:
    path = program(tmp_path, b"\x7fELF\x02\x01\x01\x00\x00")
    assert interpreter_of(path) == path
    assert not is_python(path)


def test_what_cannot_be_read_is_no_python() -> None:
    assert interpreter_of("/no/such/file") is None
    assert not is_python("/no/such/file")
    assert not is_python("/")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    return program(tmp_path_factory.mktemp("program"), "")


@given(content=st.binary(max_size=200), beginning=st.sampled_from([b"", b"#!", b"#!/bin/sh\n'''exec' "]))
def test_any_content_has_a_verdict(hostile: str, content: bytes, beginning: bytes) -> None:
    Path(hostile).write_bytes(beginning + content)
    assert is_python(hostile) in {True, False}
    assert starts_others(hostile) in {True, False}


@pytest.mark.parametrize("command", ["sh", "env", "nice", "timeout", "xargs"])
def test_programs_that_start_others_get_no_note(command: str) -> None:
    assert note_on(command, ENVIRON) is None


def test_scripts_get_no_note(tmp_path: Path) -> None:
    for content in ("#!/bin/bash\n", "#!/usr/bin/env python3\n", "no first line"):
        assert note_on(program(tmp_path, content), ENVIRON) is None


def test_what_cannot_run_gets_no_note(tmp_path: Path) -> None:
    assert note_on("no-such-program-anywhere", ENVIRON) is None
    assert note_on(program(tmp_path, "#!/no/such/interpreter\n"), ENVIRON) is None


def test_other_programs_get_a_note(tmp_path: Path) -> None:
    binary = program(tmp_path, b"\x7fELF" + bytes(8), "awk")
    for path in (
        binary,
        program(tmp_path, f"#!{binary} -f\n", "script"),
        program(tmp_path, "#!/usr/bin/env node\n", "other"),
    ):
        note = note_on(path, ENVIRON)
        assert note is not None
        assert note.startswith(f"{path} is not a Python program: nothing in it will be traced")


def test_programs_are_found_on_the_path_of_the_command(tmp_path: Path) -> None:
    path = program(tmp_path, "#!/bin/sh\n", "mine")
    assert find("mine", {"PATH": str(tmp_path)}) == path
    assert find("mine", {"PATH": "/nowhere"}) is None
    assert find(path, {}) == path
    assert find("sh", {}) is not None  # the system's default path
