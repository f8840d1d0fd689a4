# SPDX-License-Identifier: Apache-2.0
"""Tells Python programs from others, so that a command that will never be traced says so."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as `typing` has it, without importing typing
if TYPE_CHECKING:
    from collections.abc import Mapping

_ENDS_OF_PYTHON = frozenset({"", "t", "-config", "t-config", "exe", "t.exe"})
"""What may follow `python` and a version in the name of an interpreter."""

_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "fish", "busybox"})
_WRAPPERS = frozenset(
    {"env", "exec", "nice", "ionice", "nohup", "setsid", "timeout", "stdbuf", "taskset", "chrt", "xargs", "time"}
    | {"sudo", "su", "runuser", "setpriv", "gosu", "su-exec", "chroot", "unshare", "systemd-run"}
    | {"strace", "ltrace", "valgrind", "gdb", "perf"}
)
_SUPERVISORS = frozenset(
    {"tini", "dumb-init", "catatonit", "supervisord", "runit", "s6-svscan", "make", "just", "task"}
)
_ENVIRONMENT_MANAGERS = frozenset(
    {"uv", "uvx", "poetry", "pdm", "hatch", "pipenv", "rye", "pixi", "conda", "mamba", "micromamba", "pyenv", "mise"}
    | {"direnv", "npm", "npx", "yarn", "pnpm"}
)
_STARTERS = _SHELLS | _WRAPPERS | _SUPERVISORS | _ENVIRONMENT_MANAGERS
"""Programs that are not Python and exist to start others, which may be."""

_SCRIPT_HEAD = 4096


def note_on(program: str, environ: Mapping[str, str]) -> str | None:
    """Return a line about a program in which nothing can be traced, or `None` where something may be.

    Args:
        program: First word of the command.
        environ: The environment, for PATH.
    """
    path = find(program, environ)
    if path is None or is_python(path) or starts_others(path):
        return None
    interpreter = interpreter_of(path) or path
    if os.path.isabs(interpreter) and not os.path.exists(interpreter):  # noqa: PTH110, PTH117 -- start-up
        return None  # it cannot run at all, which will be said
    return (
        f"{program} is not a Python program: nothing in it will be traced "
        f"(a Python that it starts will be, where dbx-otel is installed)"
    )


def find(program: str, environ: Mapping[str, str]) -> str | None:
    """Return the path that executing a program would use, or `None` if there is none."""
    folders = [""] if os.path.dirname(program) else environ.get("PATH", os.defpath).split(os.pathsep)  # noqa: PTH120 -- start-up: pathlib and shutil cost more
    for folder in folders:
        path = os.path.join(folder, program)  # noqa: PTH118 -- as above
        if os.path.isfile(path) and os.access(path, os.X_OK):  # noqa: PTH113 -- as above
            return path
    return None


def is_python(path: str) -> bool:
    """Tell whether a program is a Python interpreter or a script for one."""
    interpreter = interpreter_of(path)
    return interpreter is not None and _names_python(os.path.basename(interpreter))  # noqa: PTH119 -- start-up


def interpreter_of(path: str) -> str | None:
    """Return what runs a program: itself, or the interpreter that its first line names; `None` if unreadable."""
    name = os.path.basename(path)  # noqa: PTH119 -- start-up: pathlib costs more
    if _names_python(name):
        return path
    try:
        with open(path, "rb") as file:  # noqa: PTH123 -- as above
            head = file.read(_SCRIPT_HEAD)
    except OSError:
        return None
    if not head.startswith(b"#!"):
        return path if b"\0" in head else "/bin/sh"  # a script that names no interpreter is one for the shell
    lines = head.decode("utf-8", "replace").splitlines()
    words = lines[0][2:].split()
    if words and os.path.basename(words[0]) == "env":  # noqa: PTH119 -- as above
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    if len(lines) > 1 and lines[1].startswith("'''exec' "):
        # How pip and uv write scripts of interpreters whose path is too long for a first line, or holds blanks.
        rest = lines[1].removeprefix("'''exec' ")
        words = rest.split('"')[1:2] if rest.startswith('"') else rest.split()[:1]
    return words[0] if words else None


def starts_others(path: str) -> bool:
    """Tell whether a program exists to start others, as shells and package managers do."""
    interpreter = interpreter_of(path)
    names = {os.path.basename(path), os.path.basename(interpreter or path)}  # noqa: PTH119 -- as above
    return bool(names & _STARTERS)


def _names_python(name: str) -> bool:
    rest = name.removeprefix("python") if name.startswith("python") else name.removeprefix("pypy")
    return rest != name and rest.lstrip("0123456789.") in _ENDS_OF_PYTHON
