# SPDX-License-Identifier: Apache-2.0
"""Fetches the SDK's source distribution, which holds its tests, and the helpers that these import; never committed."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

BIN = Path(sys.executable).parent


class Sources(NamedTuple):
    """What the tests are run from.

    Attributes:
        version: Version of the SDK.
        tests: Folder above `tests`.
        helpers: Folder to import `opentelemetry.test` from.
    """

    version: str
    tests: Path
    helpers: Path


def fetch() -> Sources:
    """Return the sources for the version of the SDK that is installed, from the cache after the first time.

    Raises:
        RuntimeError: If the package index does not have them; says what uv or pip said.
    """
    of_sdk, of_helpers = version("opentelemetry-sdk"), version("opentelemetry-semantic-conventions")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dbx-otel" / "upstream"
    cache.mkdir(parents=True, exist_ok=True)
    home = cache / of_sdk
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            with tempfile.TemporaryDirectory(dir=cache) as folder:
                fresh = Path(folder) / "fresh"
                _download(f"opentelemetry-sdk=={of_sdk}", fresh / "sdk")
                _download(f"opentelemetry-test-utils=={of_helpers}", fresh / "helpers")
                shutil.move(fresh, home)
    return Sources(of_sdk, _only(home / "sdk"), _only(home / "helpers") / "src")


def _download(requirement: str, folder: Path) -> None:
    """Download one source distribution and unpack it."""
    words = "run -q --isolated --no-project --with pip python -m pip download -q --disable-pip-version-check"
    command = [str(BIN / "uv"), *words.split(), "--no-deps", "--no-binary", ":all:", "-d", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{requirement} could not be fetched: {done.stderr.strip()}")
    archive = _only(folder)
    shutil.unpack_archive(archive, folder)
    archive.unlink()


def _only(folder: Path) -> Path:
    (one,) = folder.iterdir()
    return one
