# SPDX-License-Identifier: Apache-2.0
"""An environment with the library versions of old app images, and this checkout installed in it as users would."""

import fcntl
import hashlib
import os
import subprocess
from pathlib import Path

from tests.support.launched import BIN, ROOT

REQUIREMENTS = Path(__file__).with_name("old-image.txt")


def old_image() -> Path:
    """Return the folder of the environment's programs; made in the cache at the first call."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dbx-otel" / "old-image"
    cache.mkdir(parents=True, exist_ok=True)
    home = cache / hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "pyvenv.cfg").exists():
            uv("venv", "--python", "3.11", str(home))
        python = str(home / "bin" / "python")
        uv(
            "pip",
            "install",
            "--python",
            python,
            "-r",
            str(REQUIREMENTS),
            str(ROOT),
            "--reinstall-package",
            "dbx-otel",
        )
    return home / "bin"


def uv(*words: str) -> None:
    done = subprocess.run([str(BIN / "uv"), *words, "-q"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
