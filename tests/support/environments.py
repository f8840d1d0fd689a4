# SPDX-License-Identifier: Apache-2.0
"""Small virtual environments, made in a moment, and commands run in them under `dbx-otel-run` or without."""

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.launched import BIN, LAUNCHER


@dataclass(frozen=True)
class Environment:
    """A virtual environment.

    Attributes:
        home: Its folder.
        packages: Its site-packages.
    """

    home: Path
    packages: Path

    @property
    def python(self) -> str:
        return str(self.home / "bin" / "python")


def make(home: Path, *, with_dbx_otel: bool) -> Environment:
    """Make an environment that has all that this one has, dbx-otel included, or nothing."""
    venv.create(home, symlinks=True)
    packages = home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    if with_dbx_otel:
        # `addsitedir` reads the .pth files of that folder, as it does with those of an installed package.
        (packages / "all.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    return Environment(home, packages)


def variables(**more: str) -> dict[str, str]:
    """Return an environment that holds next to nothing, so that every difference shows."""
    return {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8", **more}


def run(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    *,
    launcher: Sequence[str] = (LAUNCHER,),
    **how: object,
) -> subprocess.CompletedProcess[str]:
    """Run a command under the launcher, or without it, and return what it said."""
    return subprocess.run(  # type: ignore[call-overload, no-any-return]  # `how` is passed on
        [*launcher, *command],
        env=variables() if environment is None else dict(environment),
        text=True,
        check=False,
        timeout=60,
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how},
    )
