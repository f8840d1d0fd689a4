# SPDX-License-Identifier: Apache-2.0
"""`dbx-otel-run [options] COMMAND [ARG…]`: sets two variables and replaces itself by the command.

The command keeps the process id, the standard streams, the signals and the exit status that it would have without us.
This runs before every command: it imports next to nothing beyond what Python has loaded by itself.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # there are stubs for `signal` only, which brings `enum`
import errno
import os
import sys

from dbx_otel._version import __version__
from dbx_otel.launch.interpreter import RUN_VARIABLE, is_enabled

TYPE_CHECKING = False  # as `typing` has it, without importing typing
if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

_USAGE = """\
Usage: dbx-otel-run [OPTIONS] COMMAND [ARG...]

Runs COMMAND with OpenTelemetry: every trace, metric and log of a Python app says who did it.
The command replaces dbx-otel-run: same process, same signals, same exit status.

Options:
  --explain  Print what would be set, where each value comes from, which libraries will be
             instrumented and which not, and why. Runs nothing.
  --version  Print the version.
  -h, --help Print this.

Examples:
  dbx-otel-run python app.py
  dbx-otel-run uvicorn app:app --workers 2
  dbx-otel-run streamlit run app.py

Settings are environment variables: `dbx-otel-run --explain` lists them."""

_NOT_EXECUTABLE = 126
_NOT_FOUND = 127
_BAD_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The words after `dbx-otel-run`; those of the process if `None`.

    Returns:
        The exit status, where the command has not taken the process over: 0 for information, 2 for a bad option, 126
        for a command that cannot be executed, 127 for one that does not exist (as shells have it).
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = []
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option == "--":
            break
        options.append(option)
    return _dispatch(options, words)


def _dispatch(options: list[str], command: list[str]) -> int:
    unknown = [option for option in options if option not in {"-h", "--help", "--version", "--explain"}]
    if unknown:
        return _fail(f"unknown option {unknown[0]}; options go before the command; see --help", _BAD_USAGE)
    if "-h" in options or "--help" in options:
        print(_USAGE)  # noqa: T201 -- what was asked for
        return 0
    if "--version" in options:
        print(f"dbx-otel {__version__}")  # noqa: T201 -- what was asked for
        return 0
    if "--explain" in options:
        from dbx_otel.launch.explain import explain

        print(explain(command))  # noqa: T201 -- what was asked for
        return 0
    if not command or not command[0]:
        return _fail("no command given; for example: dbx-otel-run python app.py", _BAD_USAGE)
    return _run(command)


def _run(command: list[str]) -> int:
    environ = dict(os.environ)
    if is_enabled(environ):
        from dbx_otel.launch.program import note_on

        note = note_on(command[0], environ)
        if note:
            _say(note)
        add_variables(environ)
    _restore_signals()
    try:
        os.execvpe(command[0], command, environ)  # noqa: S606 -- running the command is the purpose
    except FileNotFoundError:
        return _missing(command[0], environ)
    except OSError as error:
        if error.errno == errno.ENOEXEC:
            _run_by_shell(command, environ)
        return _fail(f"cannot execute {command[0]}: {error.strerror}", _NOT_EXECUTABLE)


def _run_by_shell(command: list[str], environ: dict[str, str]) -> None:
    """Run a script that names no interpreter as shells do and `execvp` does (POSIX, "exec family of functions")."""
    from dbx_otel.launch.program import find

    path = find(command[0], environ)
    try:  # noqa: SIM105 -- contextlib costs start-up
        os.execve("/bin/sh", ["sh", path or command[0], *command[1:]], environ)  # noqa: S606 -- as above
    except OSError:
        pass  # the first failure is the one to tell


def _restore_signals() -> None:
    """Undo what Python does at its start: the signals that it ignores would stay ignored in the command."""
    for name in ("SIGPIPE", "SIGXFSZ", "SIGXFZ"):
        if hasattr(_signal, name):
            _signal.signal(getattr(_signal, name), _signal.SIG_DFL)


def _missing(program: str, environ: MutableMapping[str, str]) -> int:
    from dbx_otel.launch.program import find, interpreter_of

    path = find(program, environ)
    if path is None:
        return _fail(f"command not found: {program}", _NOT_FOUND)
    interpreter = interpreter_of(path)
    return _fail(f"cannot execute {program}: {interpreter}, which its first line names, is not there", _NOT_EXECUTABLE)


def add_variables(environ: MutableMapping[str, str]) -> None:
    """Add to an environment what makes the Pythons in it begin.

    Args:
        environ: The environment of the command; changed.
    """
    environ[RUN_VARIABLE] = "1"
    path = path_entry()
    given = environ.get("PYTHONPATH", "")
    # An empty entry stays: to Python it is the current folder.
    rest = [entry for entry in given.split(os.pathsep) if entry != path] if given else []
    environ["PYTHONPATH"] = os.pathsep.join([path, *rest])


def path_entry() -> str:
    """Return the folder whose `sitecustomize` reaches the Pythons that read no .pth file of ours."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "path")  # noqa: PTH100, PTH118, PTH120 -- start-up


def _fail(text: str, status: int) -> int:
    _say(text)
    return status


def _say(text: str) -> None:
    if sys.stderr is None:
        return  # closed since before Python began: the number 2 may be another file by now
    try:  # noqa: SIM105 -- as above
        os.write(2, f"dbx-otel-run: {text}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass  # where nobody reads it, the command is to run all the same, and its status to stay what it is


if __name__ == "__main__":
    sys.exit(main())
