# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions of user mode that a command takes, by valgrind."""

import re
import shutil
from collections.abc import Sequence

_COUNTED = re.compile(r"I\s+refs:\s+([\d,]+)")


def is_installed() -> bool:
    """Tell whether instructions can be counted here."""
    return shutil.which("valgrind") is not None


def counting(words: Sequence[str]) -> list[str]:
    """Return a command that runs another one, with its children, and prints its count to standard error.

    Args:
        words: Program and arguments.
    """
    how = ["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", "--trace-children=yes"]
    return ["valgrind", *how, *words]


def counted(printed: str) -> int:
    """Return the instructions of all processes of a command.

    Args:
        printed: What it has printed to standard error.

    Raises:
        ValueError: There is no count.
    """
    counts = _COUNTED.findall(printed)
    if not counts:
        raise ValueError(f"valgrind has printed no count:\n{printed[-1000:]}")
    return sum(int(count.replace(",", "")) for count in counts)
