# SPDX-License-Identifier: Apache-2.0
"""One virtual environment a launcher, kept between runs, with the same pinned versions in each."""

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements" / "lock.txt"
BARE = "bare"
VANILLA = "opentelemetry-instrument"
DATADOG = "ddtrace-run"
OURS = "dbx-otel-run"

_VANILLA_DISTRO = ["opentelemetry-distro==0.66b1", "opentelemetry-exporter-otlp"]
_DATADOG = "ddtrace==4.16.0"


def build(app: Sequence[str], launchers: Sequence[str]) -> dict[str, Path]:
    """Make the environments that are missing and install this checkout's dbx-otel anew.

    Args:
        app: What the app needs.
        launchers: Those that are measured.

    Returns:
        The folder with the programs of each environment, by the launcher's name.

    Raises:
        subprocess.CalledProcessError: A package could not be installed; the installer says why.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    of_launcher: Mapping[str, list[str]] = {
        BARE: [],
        VANILLA: _VANILLA_DISTRO,
        DATADOG: [_DATADOG],
        OURS: project["dependencies"],
    }
    wanted = {name: [*app, *of_launcher[name]] for name in launchers}
    folders = {name: _cache() / f"{name}-{_key(requirements)}" for name, requirements in wanted.items()}
    for name, requirements in wanted.items():
        _build(folders[name], name, requirements)
    _install(folders[OURS], ["--no-deps", "--force-reinstall", str(ROOT)])
    _compile(folders[OURS])
    return {name: folder / "bin" for name, folder in folders.items()}


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "dbx-otel" / "benchmarks"


def _key(requirements: list[str]) -> str:
    """Return a name that changes with the requirements, their pins and the Python."""
    text = f"{sys.version}\n{requirements}\n{LOCK.read_text(encoding='utf-8')}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _build(folder: Path, name: str, requirements: list[str]) -> None:
    ready = folder / "ready"
    if ready.exists():
        return
    print(f"making the environment of {name}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    uv = _uv()
    maker = [uv, "venv", "-q", "--python", sys.executable] if uv else [sys.executable, "-m", "venv"]
    subprocess.run([*maker, str(folder)], check=True)
    _install(folder, ["--constraint", str(LOCK), *requirements])
    if name == VANILLA:
        _install(folder, ["--constraint", str(LOCK), *_instrumentations(folder)])
    _compile(folder)
    ready.touch()


def _instrumentations(folder: Path) -> list[str]:
    """Return what OpenTelemetry's own installer finds to instrument in an environment."""
    command = [str(folder / "bin" / "opentelemetry-bootstrap"), "-a", "requirements"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def _install(folder: Path, arguments: list[str]) -> None:
    python = str(folder / "bin" / "python")
    uv = _uv()
    if uv:
        installer = [uv, "pip", "install", "-q", "--python", python]
    else:
        installer = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*installer, *arguments], check=True)


def _compile(folder: Path) -> None:
    """Compile every module, as one installer does by itself and another does not."""
    libraries = next((folder / "lib").glob("python3.*/site-packages"))
    # A few packages carry modules for other Pythons, which do not compile; nobody imports them.
    subprocess.run([str(folder / "bin" / "python"), "-m", "compileall", "-q", "-q", str(libraries)], check=False)


def _uv() -> str | None:
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if beside.exists() else shutil.which("uv")
