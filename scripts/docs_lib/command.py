# SPDX-License-Identifier: Apache-2.0
"""`scripts/generate-docs`: write the derived pages, or tell which of them differ."""

import argparse
import sys
from pathlib import Path

from . import instrumentations_page, settings_page

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {"settings.md": settings_page.page, "instrumentations.md": instrumentations_page.page}
"""By file name in docs/, what makes the page's text."""


def main(arguments: list[str] | None = None) -> int:
    """Write the pages.

    Args:
        arguments: The words of the command line; those of the process if `None`.

    Returns:
        0; with `--check` 1 where a page differs from what would be written.
    """
    parser = argparse.ArgumentParser(prog="scripts/generate-docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a page is not current")
    check = parser.parse_args(arguments).check
    stale = stale_pages()
    for name in stale:
        if check:
            print(f"docs/{name} is not current; run scripts/generate-docs", file=sys.stderr)
        else:
            (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
            print(f"wrote docs/{name}")
    return 1 if check and stale else 0


def stale_pages() -> list[str]:
    """Return the names of the pages whose file is missing or differs from what the code says."""
    return [name for name, page in PAGES.items() if _text(DOCS / name) != page()]


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
