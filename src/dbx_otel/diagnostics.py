# SPDX-License-Identifier: Apache-2.0
"""What the distribution has to say about itself: single lines on standard error, most said once a launch.

"Once a launch" holds for all processes that one `dbx-otel-run` leads to: what was said is remembered in the
environment, which children inherit.
"""

import os
import sys
import zlib

_SAID = "DBX_OTEL_RUN_SAID"


def say(text: str, *, again: bool = False) -> None:
    """Write one line to standard error, unless this launch has already said it. Never raises.

    Args:
        text: The line, without the prefix; line breaks become spaces.
        again: Whether to write it also where it has been said: what tells that a state has changed.
    """
    try:
        if sys.stderr is None:
            return  # closed since before Python began
        line = " ".join(text.split())
        key = f"{zlib.crc32(line.encode('utf-8', 'replace')):08x}"
        said = os.environ.get(_SAID, "")
        known = key in said.split(",")
        if known and not again:
            return
        if not known:
            os.environ[_SAID] = f"{said},{key}".lstrip(",")
        _write(f"dbx-otel: {line}\n")
    except Exception:
        # A closed or full standard error must not reach the app.
        pass


def _write(line: str) -> None:
    try:
        descriptor = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        sys.stderr.write(line)  # the app has put something else in its place
        return
    # Past Python's buffer: what cannot be written would stay in it and turn the app's exit status to 120.
    os.write(descriptor, line.encode("utf-8", "backslashreplace"))
