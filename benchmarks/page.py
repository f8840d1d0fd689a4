# SPDX-License-Identifier: Apache-2.0
"""docs/benchmarks.md: the parts of it that are measured, between markers, and what each says of its circumstances."""

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def write(part: str, text: str) -> None:
    """Put a result in place of the one before.

    Args:
        part: Name of the part, as in its markers: `<!-- startup: begin -->`.
        text: The result, in Markdown.

    Raises:
        ValueError: The page has no such part.
    """
    page = PAGE.read_text(encoding="utf-8")
    marked = re.compile(rf"(<!-- {re.escape(part)}: begin -->\n).*(<!-- {re.escape(part)}: end -->)", re.DOTALL)
    written, count = marked.subn(lambda found: f"{found[1]}{text.strip()}\n\n{found[2]}", page)
    if count != 1:
        raise ValueError(f"{PAGE.name} must have the part {part!r} once, and has it {count} times: add its markers")
    PAGE.write_text(written, encoding="utf-8")


def circumstances(how: str, load_before: float) -> str:
    """Return one line about the date, the machine and how busy it was.

    Args:
        how: How it was measured, such as "15 rounds".
        load_before: The machine's load when it began (1 minute).
    """
    return (
        f"{datetime.now(UTC):%Y-%m-%d}: {how}, Python {platform.python_version()} on {platform.system()} "
        f"{platform.machine()} with {os.cpu_count()} cores. Load of the machine (1 minute) {load_before:.1f} at the "
        f"beginning, {os.getloadavg()[0]:.1f} at the end."
    )
