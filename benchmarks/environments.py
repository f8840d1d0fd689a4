# SPDX-License-Identifier: Apache-2.0
"""One virtual environment a launcher, kept between runs, with the same pinned versions in each."""

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements" / "lock.txt"
VANILLA_DISTRO = "opentelemetry-distro==0.66b1"
APP = ["fastapi", "uvicorn", "databricks-sdk"]
"""What the app itself needs; databricks-sdk because a Databricks App has it, and requests with it."""


def build_all() -> dict[str, Path]:
    """Make the environments that are missing and install this checkout's dbx-otel anew.

    Returns:
        The folder with the programs of each environment, by the launcher's name.

    Raises:
        subprocess.CalledProcessError: A package could not be installed; the installer says why.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    dependencies: list[str] = project["dependencies"]
    instrumentations = [name for name in dependencies if name.startswith("opentelemetry-")]
    wanted = {
        "bare": APP,
        "opentelemetry-instrument": [*APP, VANILLA_DISTRO, *instrumentations],
        "dbx-otel-run": [*APP, *dependencies],
    }
    folder = _cache() / _key(wanted)
    for name, requirements in wanted.items():
        _build(folder / name, requirements)
    _install(folder / "dbx-otel-run", ["--no-deps", "--force-reinstall", str(ROOT)])
    _compile(folder / "dbx-otel-run")
    return {name: folder / name / "bin" for name in wanted}


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "dbx-otel" / "benchmarks"


def _key(wanted: dict[str, list[str]]) -> str:
    """Return a name that changes with the requirements, their pins and the Python."""
    text = f"{sys.version}\n{wanted}\n{LOCK.read_text(encoding='utf-8')}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _build(folder: Path, requirements: list[str]) -> None:
    ready = folder / "ready"
    if ready.exists():
        return
    print(f"making the environment of {folder.name}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    uv = _uv()
    maker = [uv, "venv", "-q", "--python", sys.executable] if uv else [sys.executable, "-m", "venv"]
    subprocess.run([*maker, str(folder)], check=True)
    _install(folder, ["--constraint", str(LOCK), *requirements])
    _compile(folder)
    ready.touch()


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
