# SPDX-License-Identifier: Apache-2.0
"""`dbx-otel-run` with real processes: the command is what it would be without, and every Python in it begins."""

import json
import shutil
import signal
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import pytest

import dbx_otel
from dbx_otel.launch.interpreter import ADDED, DEFAULTS
from tests.support.environments import Environment, make, run, variables
from tests.support.launched import BIN, LAUNCHER

PYTHON = str(BIN / "python")
BARE: tuple[str, ...] = ()
BEGUN = "import sys; print('begun' if 'dbx_otel.instrumentation.attach' in sys.modules else 'untouched')"
SECRETS = {
    "DBX_OTEL_IDENTITY_KEY": "canary-of-a-key-that-is-long-enough",
    "DBX_OTEL_OTLP_HEADERS": "x-api-key=canary-of-a-header",
    "DBX_OTEL_OTLP_ENDPOINT": "https://canary-of-a-user:canary-of-a-password@otlp.example.com?key=canary-of-a-query",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "https://canary-of-another:canary-of-more@otlp.example.org",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20canary-of-a-bearer",
}


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment that lacks dbx-otel."""
    return make(tmp_path_factory.mktemp("without"), with_dbx_otel=False)


@pytest.fixture
def own(tmp_path: Path) -> Environment:
    """An environment with dbx-otel that a test may change."""
    return make(tmp_path / "own", with_dbx_otel=True)


# --- The command is what it would be.


def test_the_command_keeps_the_process_id() -> None:
    with subprocess.Popen(
        [LAUNCHER, PYTHON, "-c", "import os; print(os.getpid())"], env=variables(), stdout=subprocess.PIPE, text=True
    ) as process:
        out, _ = process.communicate(timeout=30)
    assert int(out) == process.pid


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("pass", 0),
        ("import sys; sys.exit(7)", 7),
        ("raise SystemExit('gone')", 1),
        ("1/0", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import os; os.abort()", -signal.SIGABRT),
    ],
)
def test_the_exit_status_is_the_commands(code: str, status: int) -> None:
    assert run([PYTHON, "-c", code]).returncode == status
    # And with the SDK at work, which handles SIGTERM.
    assert run([PYTHON, "-c", f"from opentelemetry import trace; trace.get_tracer('a'); {code}"]).returncode == status


def test_standard_streams_pass_through() -> None:
    data = bytes(range(256)) * 1000
    code = "import sys, shutil; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer); sys.stderr.write('err')"
    done = subprocess.run(
        [LAUNCHER, PYTHON, "-c", code], env=variables(), input=data, capture_output=True, check=True, timeout=30
    )
    assert done.stdout == data
    assert done.stderr == b"err"


def test_words_after_the_command_are_the_commands() -> None:
    words = ["--version", "--explain", "--", "-h", "", "two words", "\u00e9"]
    code = "import sys; print(sys.argv[1:])"
    assert run([PYTHON, "-c", code, *words]).stdout == f"{words}\n"
    assert run(["--", PYTHON, "-c", code, *words]).stdout == f"{words}\n"


@pytest.mark.parametrize("launcher", [(LAUNCHER,), (PYTHON, "-m", "dbx_otel.launch.command")])
def test_signals_are_as_without(launcher: Sequence[str]) -> None:
    # By its path, so that `subprocess` starts both in the same way.
    command = [str(shutil.which("grep")), "^Sig[IB]", "/proc/self/status"]
    assert run(command, launcher=launcher).stdout == run(command, launcher=BARE).stdout


def test_a_pipeline_ends_as_without() -> None:
    done = run(["sh", "-c", "yes | head -n 1"])
    assert done.stdout == "y\n"
    assert done.stderr == ""


# --- What cannot be run.


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        (["no-such-program-anywhere"], 127, "command not found: no-such-program-anywhere"),
        (["./no-such-file"], 127, "command not found: ./no-such-file"),
        (["/"], 126, "cannot execute /: Permission denied"),
        (["./not-executable"], 126, "cannot execute ./not-executable: Permission denied"),
        (["./no-interpreter"], 126, "cannot execute ./no-interpreter: /no/such/interpreter"),
        ([], 2, "no command given"),
        ([""], 2, "no command given"),
        (["--"], 2, "no command given"),
        (["--no-such-option", "true"], 2, "unknown option --no-such-option"),
        (["-m", "uvicorn"], 2, "unknown option -m"),
    ],
)
def test_what_cannot_be_run_gets_one_line(command: list[str], status: int, said: str, tmp_path: Path) -> None:
    (tmp_path / "not-executable").write_text("#!/bin/sh\n")
    script(tmp_path / "no-interpreter", "#!/no/such/interpreter\n")
    done = run(command, cwd=tmp_path)
    assert done.returncode == status
    assert done.stdout == ""
    assert done.stderr.startswith(f"dbx-otel-run: {said}")
    assert done.stderr.count("\n") == 1


def test_what_cannot_be_run_says_nothing_on_standard_output() -> None:
    done = run(["sh", "-c", f"exec {LAUNCHER} no-such-program-anywhere 2>&-"], launcher=BARE)
    assert (done.returncode, done.stdout) == (127, "")


def test_a_script_without_a_first_line_runs_as_in_a_shell(tmp_path: Path) -> None:
    script(tmp_path / "start", f'echo "$1"; exec {PYTHON} -c "{BEGUN}"\n')
    done = run(["./start", "a word"], cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("a word\nbegun\n", "")


# --- Information.


def test_version() -> None:
    done = run(["--version"])
    assert (done.returncode, done.stdout, done.stderr) == (0, f"dbx-otel {dbx_otel.__version__}\n", "")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_option(option: str) -> None:
    done = run([option, "sh", "-c", "echo run"])
    assert done.returncode == 0
    assert done.stderr == ""
    for word in ("--explain", "--version", "--help", "COMMAND"):
        assert word in done.stdout
    assert "\nrun\n" not in done.stdout


def test_explain_runs_nothing_and_shows_where_values_come_from(tmp_path: Path) -> None:
    done = run(
        ["--explain", "sh", "-c", f"touch {tmp_path / 'ran'}"],
        variables(DBX_OTEL_EXIT_DEADLINE="3", DATABRICKS_APP_NAME="orders", OTEL_SEMCONV_STABILITY_OPT_IN="http"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "ran").exists()
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "DBX_OTEL_EXIT_DEADLINE 3 (environment)" in lines
    assert "DBX_OTEL_IDENTITY full (default)" in lines
    assert "OTEL_SEMCONV_STABILITY_OPT_IN=http (environment)" in lines
    assert "Identity headers are believed." in lines
    for name, value in ADDED.items():
        assert f"{name}: {value} (added to what is set)" in lines
    assert "DBX_OTEL_RUN=1, and a folder of dbx-otel in front of PYTHONPATH (by dbx-otel-run)" in lines
    assert "Nothing is done" not in done.stdout
    assert "Nothing is done: DBX_OTEL_ENABLED is false." in run(["--explain"], variables(DBX_OTEL_ENABLED="no")).stdout
    for name, how in (("fastapi", "yes"), ("tornado", "yes, by opentelemetry-instrumentation-tornado")):
        (verdict,) = (line for line in lines if line.startswith(f"{name} "))
        assert f": {how}" in verdict


def test_explain_with_bad_settings_shows_each_once_and_no_secret() -> None:
    bad = {
        "DBX_OTEL_STDOUT": "loud",
        "DBX_OTEL_EXIT_DEADLINE": "60",
        "DBX_OTEL_IDENTITY": "hashed",
        "DBX_OTEL_IDENTTY": "off",
        "OTEL_CONFIG_FILE": "/a.yaml",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "carrier-pigeon",
    }
    done = run(["--explain", PYTHON, "app.py"], variables(**SECRETS, **bad))
    assert (done.returncode, done.stderr) == (0, "")
    problems = [line.strip() for line in done.stdout.splitlines() if line.startswith("  ! ")]
    assert len(problems) == len(bad)
    for variable in bad:
        assert sum(line.startswith(f"! {variable} ") for line in problems) == 1
    assert "DBX_OTEL_IDENTITY off (used instead)" in [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "canary" not in done.stdout


@pytest.mark.parametrize("value", ["never", "auto"])
def test_explain_says_why_headers_are_not_believed(value: str) -> None:
    more = {"DATABRICKS_APP_NAME": "orders"} if value == "never" else {}
    done = run(["--explain"], variables(DBX_OTEL_TRUST_PROXY=value, **more))
    because = "DBX_OTEL_TRUST_PROXY is never" if value == "never" else "DATABRICKS_APP_NAME is not set"
    assert f"Identity headers are not believed: {because}" in done.stdout


# --- Every Python that the command leads to begins.


@pytest.mark.parametrize(
    "command",
    [
        "python app.py",
        "python -m app",
        "python -I app.py",
        "python -E app.py",
        "python -s -P app.py",
        "python -X dev -W ignore app.py",
        "./start.sh",
        "env A=1 python app.py",
        "sh -c 'sleep 0; python app.py'",
        "nice python app.py",
        "python parent.py",
        "python forking.py",
        "dbx-otel-run python app.py",
    ],
)
def test_python_begins(command: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(BEGUN)
    (tmp_path / "parent.py").write_text("import subprocess, sys; subprocess.run([sys.executable, 'app.py'])")
    (tmp_path / "forking.py").write_text(
        "import multiprocessing as m, runpy\nif __name__ == '__main__':\n"
        " p = m.get_context('spawn').Process(target=runpy.run_path, args=('app.py',)); p.start(); p.join()"
    )
    script(tmp_path / "start.sh", "#!/bin/sh\necho >/dev/null\nexec python app.py\n")
    done = run(["sh", "-c", f"exec {LAUNCHER} {command}"], launcher=BARE, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("begun\n", "")


def test_python_begins_without_the_pth_file(without: Environment) -> None:
    # As after `pip install --target`: importable, but no .pth file is read.
    found = str(Path(dbx_otel.__file__).parents[1])
    done = run([without.python, "-c", BEGUN], variables(PYTHONPATH=found))
    assert (done.stdout, done.stderr) == ("begun\n", "")


@pytest.mark.parametrize("where", ["under the launcher", "inside", "nested"])
@pytest.mark.parametrize("value", ["false", "0", "No", " off "])
def test_switched_off(where: str, value: str, without: Environment) -> None:
    off = {"DBX_OTEL_ENABLED": value}
    show = [PYTHON, "-c", f"import os; {BEGUN}; print(*sorted(os.environ.items()), sep='\\n')"]
    if where == "under the launcher":
        assert run(show, variables(**off)).stdout == run(show, variables(**off), launcher=BARE).stdout
    elif where == "inside":
        inside = run(["env", f"DBX_OTEL_ENABLED={value}", *show])
        assert inside.stdout.startswith("untouched\n")
        assert set(DEFAULTS).isdisjoint(variable(inside.stdout))
    else:
        nested = run(["env", f"DBX_OTEL_ENABLED={value}", LAUNCHER, without.python, "-c", BEGUN])
        assert (nested.stdout, nested.stderr) == ("untouched\n", "")


# --- The user's own sitecustomize.

# Debian's Python has one beside the standard library, in front of any in site-packages.
SHIPS_SITECUSTOMIZE = Path(sysconfig.get_path("stdlib"), "sitecustomize.py").exists()
SITECUSTOMIZE = """\
import sys
import sysconfig
print('site begun' if 'dbx_otel.instrumentation.attach' in sys.modules else 'site', __file__, sys.path, flush=True)
"""


@pytest.mark.parametrize("flags", [[], ["-I"], ["-E"]])
def test_sitecustomize_in_site_packages_runs_first_and_once(own: Environment, flags: list[str]) -> None:
    (own.packages / "sitecustomize.py").write_text(SITECUSTOMIZE)
    command = [own.python, *flags, "-c", f"{BEGUN}; import sitecustomize; print(sitecustomize.__file__)"]
    bare, ours = run(command, launcher=BARE), run(command)
    assert ours.stdout == bare.stdout.replace("untouched", "begun")
    assert ours.stdout.count("site ") == (0 if SHIPS_SITECUSTOMIZE else 1)
    assert ours.stderr == ""


def test_sitecustomize_on_pythonpath_runs_first_and_once(own: Environment, tmp_path: Path) -> None:
    for folder in (tmp_path, own.packages):
        (folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
    command = [own.python, "-c", f"{BEGUN}; import sitecustomize; print(sitecustomize.__file__)"]
    environment = variables(PYTHONPATH=str(tmp_path))
    # The launcher is a Python too: -I keeps this sitecustomize out of it.
    bare, ours = run(command, environment, launcher=BARE), run(command, environment, launcher=(PYTHON, "-I", LAUNCHER))
    assert ours.stdout == bare.stdout.replace("untouched", "begun")
    assert str(tmp_path / "sitecustomize.py") in ours.stdout
    assert ours.stdout.count("site ") == 1


def test_sitecustomize_may_be_a_package(own: Environment, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize").mkdir()
    (tmp_path / "sitecustomize" / "__init__.py").write_text("from sitecustomize import part")
    (tmp_path / "sitecustomize" / "part.py").write_text("print('part')")
    launcher = (PYTHON, "-I", LAUNCHER)
    done = run([own.python, "-c", BEGUN], variables(PYTHONPATH=str(tmp_path)), launcher=launcher)
    assert (done.stdout, done.stderr) == ("part\nbegun\n", "")


@pytest.mark.parametrize("error", ["1/0", "import no_such_module_anywhere", "raise ImportError('x')"])
def test_sitecustomize_that_fails_fails_as_without(own: Environment, error: str) -> None:
    (own.packages / "sitecustomize.py").write_text(error)
    command = [own.python, "-c", BEGUN]
    bare, ours = run(command, launcher=BARE), run(command)
    assert ours.stderr == bare.stderr
    assert (ours.stderr == "") == SHIPS_SITECUSTOMIZE
    assert ours.stdout == "begun\n"


# --- Pythons without dbx-otel, and programs that are none.


def test_a_python_without_dbx_otel_runs_on_with_one_warning(without: Environment) -> None:
    done = run([without.python, "-c", BEGUN])
    assert (done.returncode, done.stdout) == (0, "untouched\n")
    assert done.stderr.count("\n") == 1
    assert without.python in done.stderr
    assert "Remedy: install dbx-otel" in done.stderr


def test_two_of_them_in_a_chain_warn_once(without: Environment, tmp_path: Path) -> None:
    second = make(tmp_path / "second", with_dbx_otel=False)
    code = f"import subprocess; subprocess.run([{second.python!r}, '-c', {BEGUN!r}])"
    done = run([without.python, "-c", f"{BEGUN}; sys.stdout.flush(); {code}"])
    assert done.stdout == "untouched\nuntouched\n"
    assert done.stderr.count("\n") == 1


def test_it_hands_on_to_one_that_has_it(without: Environment) -> None:
    done = run([without.python, "-c", f"import subprocess; subprocess.run([{PYTHON!r}, '-c', {BEGUN!r}])"])
    assert done.stdout == "begun\n"
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("closing", ["2>&-", "2>/dev/full"])
def test_it_runs_on_when_nobody_hears_the_warning(without: Environment, closing: str) -> None:
    done = run(["sh", "-c", f'exec {LAUNCHER} {without.python} -c "{BEGUN}" {closing}'], launcher=BARE)
    assert (done.returncode, done.stdout) == (0, "untouched\n")


def test_its_own_sitecustomize_runs(without: Environment, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('mine')")
    launcher = (PYTHON, "-I", LAUNCHER)
    done = run([without.python, "-c", BEGUN], variables(PYTHONPATH=str(tmp_path)), launcher=launcher)
    assert done.stdout == "mine\nuntouched\n"


def test_a_program_that_is_not_python_runs_on_with_one_line() -> None:
    done = run(["uname", "-s"])
    assert (done.returncode, done.stdout) == (0, "Linux\n")
    assert done.stderr.count("\n") == 1
    assert "uname is not a Python program: nothing in it will be traced" in done.stderr


def test_it_runs_on_when_nobody_hears_the_line() -> None:
    done = run(["sh", "-c", f"exec {LAUNCHER} uname -s 2>/dev/full"], launcher=BARE)
    assert (done.returncode, done.stdout) == (0, "Linux\n")


@pytest.mark.parametrize("command", [["sh", "-c", "uname"], ["env", "uname"], ["nice", "uname"]])
def test_a_program_that_starts_others_gets_no_line(command: list[str]) -> None:
    done = run(command)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Linux\n", "")


# --- Nothing else is different.


@pytest.mark.parametrize("code", ["pass", "import json", "import threading, re", "import dataclasses"])
@pytest.mark.parametrize("flags", [[], ["-I"]])
def test_nothing_is_imported_that_the_app_does_not_import(code: str, flags: list[str]) -> None:
    command = [PYTHON, *flags, "-c", f"{code}\nimport sys; print(*sys.modules, sep='\\n')"]
    extra = modules(run(command).stdout) - modules(run(command, launcher=BARE).stdout)
    assert "dbx_otel.instrumentation.post_import" in extra
    assert {name for name in extra if not name.startswith("dbx_otel")} <= {"__future__", "sitecustomize"}
    assert extra.isdisjoint({"dbx_otel.settings", "dbx_otel.diagnostics", "dbx_otel.identity", "dbx_otel.logs"})


@pytest.mark.parametrize("given", [None, "", "/foo", "/foo:", ":/foo", ":", "/foo::/bar", "/foo:/foo"])
def test_the_app_sees_its_own_sys_path(given: str | None, tmp_path: Path) -> None:
    environment = variables() if given is None else variables(PYTHONPATH=given)
    command = [PYTHON, "-c", "import sys; print(sys.path)"]
    bare = run(command, environment, launcher=BARE, cwd=tmp_path)
    assert run(command, environment, cwd=tmp_path).stdout == bare.stdout
    nested = run([LAUNCHER, *command], environment, cwd=tmp_path)
    assert nested.stdout == bare.stdout


def test_the_environment_differs_as_documented() -> None:
    command = [PYTHON, "-c", "import os; print(*sorted(os.environ.items()), sep='\\n')"]
    environment = variables(PYTHONPATH="/foo", OTEL_SEMCONV_STABILITY_OPT_IN="http")
    bare, ours = (variable(run(command, environment, launcher=how).stdout) for how in (BARE, (LAUNCHER,)))
    path = str(Path(dbx_otel.__file__).parent / "launch" / "path")
    added = {"DBX_OTEL_RUN": "1", **DEFAULTS, **ADDED, "OTEL_SEMCONV_STABILITY_OPT_IN": "http"}
    assert ours == {**bare, **added, "PYTHONPATH": f"{path}:/foo"}


# --- Broken pieces.


@pytest.mark.parametrize("error", ["raise RuntimeError('corrupt')", "import no_such_module_anywhere", "1 +"])
def test_a_broken_opentelemetry_leaves_the_app_running_with_one_line(error: str, tmp_path: Path) -> None:
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry" / "__init__.py").write_text(error)
    code = "import logging, requests, httpx, flask, tornado.web, multiprocessing; logging.info('x'); print('ran')"
    done = run([PYTHON, "-c", code], variables(PYTHONPATH=str(tmp_path), DATABRICKS_APP_NAME="orders"))
    record, said = done.stdout.splitlines()
    assert (done.returncode, said, json.loads(record)["body"]) == (0, "ran", "x")
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("dbx-otel: telemetry is off, the app is not touched: ")


@pytest.mark.parametrize("closing", ["2>&-", "2>/dev/full"])
def test_a_broken_dbx_otel_leaves_the_app_running(closing: str, tmp_path: Path) -> None:
    package = tmp_path / "dbx_otel"
    shutil.copytree(Path(dbx_otel.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "distro" / "__init__.py").write_text("1 +")
    command = f'{PYTHON} -c "print(1)"'
    env = variables(PYTHONPATH=str(tmp_path), PYTHONSAFEPATH="1")
    heard = run([PYTHON, "-c", "print(1)"], env)
    assert (heard.returncode, heard.stdout) == (0, "1\n")
    assert heard.stderr.count("\n") == 1
    assert heard.stderr.startswith("dbx-otel: telemetry is off, the app is not touched: SyntaxError")
    unheard = run(["sh", "-c", f"exec {LAUNCHER} {command} {closing}"], env, launcher=BARE)
    assert (unheard.returncode, unheard.stdout) == (0, "1\n")


# --- uv run.


def uv_project(folder: Path) -> Path:
    (folder / "pyproject.toml").write_text('[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.11"\n')
    (folder / "app.py").write_text(BEGUN)
    return folder


@pytest.mark.parametrize("with_dbx_otel", [True, False])
def test_uv_run_in_a_project(with_dbx_otel: bool, tmp_path: Path) -> None:
    project = uv_project(tmp_path)
    make(project / ".venv", with_dbx_otel=with_dbx_otel)
    env = variables(UV_CACHE_DIR=str(tmp_path / "cache"), UV_OFFLINE="1", UV_PYTHON_DOWNLOADS="never")
    done = run([str(BIN / "uv"), "run", "-q", "--no-sync", "python", "app.py"], env, cwd=project)
    assert (done.returncode, done.stdout) == (0, "begun\n" if with_dbx_otel else "untouched\n"), done.stderr
    assert done.stderr.count("\n") == (0 if with_dbx_otel else 1), done.stderr


def test_uv_run_without_a_project(tmp_path: Path) -> None:
    env = variables(UV_CACHE_DIR=str(tmp_path / "cache"), UV_OFFLINE="1", UV_PYTHON_DOWNLOADS="never")
    (tmp_path / "app.py").write_text(BEGUN)
    words = [str(BIN / "uv"), "run", "-q", "--no-project", "--python", PYTHON, "python", "app.py"]
    done = run(words, env, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "begun\n", "")


def script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def modules(text: str) -> set[str]:
    return set(text.split())


def variable(text: str) -> dict[str, str]:
    pairs = (line.strip("()").split(", ", 1) for line in text.splitlines() if line.startswith("("))
    return {name.strip("'"): value.strip("'") for name, value in pairs}
