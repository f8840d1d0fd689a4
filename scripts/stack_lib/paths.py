# SPDX-License-Identifier: Apache-2.0
"""Where the checkout's files and the cache of built programs lie."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
COLLECTOR = REPOSITORY / "collector"
BUILDER_MANIFEST = COLLECTOR / "builder.yaml"


def cache_directory() -> Path:
    """Folder of the built programs: `$XDG_CACHE_HOME/dbx-otel/stack`, else below `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "dbx-otel" / "stack"
