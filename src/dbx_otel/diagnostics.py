# SPDX-License-Identifier: Apache-2.0
"""What the distribution has to say about itself: single lines on standard error, each said once a launch.

"Once a launch" holds for all processes that one `dbx-otel-run` leads to: what was said is remembered in the
environment, which children inherit.
"""

import os
import sys
import zlib

_SAID = "DBX_OTEL_RUN_SAID"


def say(text: str) -> None:
    """Write one line to standard error, unless this launch has already said it. Never raises.

    Args:
        text: The line, without the prefix; line breaks become spaces.
    """
    try:
        line = " ".join(text.split())
        key = f"{zlib.crc32(line.encode('utf-8', 'replace')):08x}"
        said = os.environ.get(_SAID, "")
        if key in said.split(","):
            return
        os.environ[_SAID] = f"{said},{key}".lstrip(",")
        print(f"dbx-otel: {line}", file=sys.stderr, flush=True)  # noqa: T201 -- this is the one place that prints
    except Exception:
        # A closed or full standard error must not reach the app.
        pass
