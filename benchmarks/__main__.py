# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmarks: `python -m benchmarks`; see benchmarks/README.md."""

import argparse
import random
import sys
from collections.abc import Callable

from benchmarks import encoding, instructions, page, requests, startup
from benchmarks.processes import Failed

_PARTS: dict[str, Callable[[bool, random.Random], str]] = {
    "startup": lambda quick, order: startup.measure(2 if quick else 15, order),
    "instructions": lambda quick, _order: instructions.measure(quick=quick),
    "encoding": lambda quick, order: encoding.measure(10 if quick else 60, order, instructions=not quick),
    "requests": lambda quick, order: requests.measure(requests.QUICK if quick else requests.WHOLE, order),
}
"""By the name of its part on the page, what measures it."""


def main() -> int:
    """Measure, print, and put the results on the page; the exit status is 1 where something could not be measured."""
    arguments = _arguments()
    try:
        for part in arguments.parts or _PARTS:
            text = _PARTS[part](arguments.quick, random.Random(arguments.seed))
            print(text)
            if not arguments.quick:
                page.write(part, text)
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Puts results into docs/benchmarks.md.")
    parser.add_argument(
        "parts", nargs="*", choices=[[], *_PARTS], metavar="part", help=f"{', '.join(_PARTS)}; else all"
    )
    parser.add_argument("--quick", action="store_true", help="few rounds, for development: prints only")
    parser.add_argument("--seed", type=int, default=0, help="seed of the orders (default: 0)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
