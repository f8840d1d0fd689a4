# SPDX-License-Identifier: Apache-2.0
"""`scripts/build-stack`: build the programs of the stack into the cache."""

import argparse
import sys

from .build import BuildError, build
from .components import COMPONENTS


def main(arguments: list[str] | None = None) -> int:
    """Build what is asked for, say where it lies; 1 when a build failed."""
    parser = argparse.ArgumentParser(prog="scripts/build-stack", description=__doc__)
    names = [component.name for component in COMPONENTS]
    parser.add_argument("component", nargs="*", help=f"what to build, of {', '.join(names)} (default: all)")
    chosen = set(parser.parse_args(arguments).component)
    if unknown := sorted(chosen - set(names)):
        parser.error(f"no component {', '.join(unknown)}; there are {', '.join(names)}")
    components = [component for component in COMPONENTS if not chosen or component.name in chosen]
    try:
        build(components, lambda line: print(line, flush=True))
    except (BuildError, RuntimeError) as error:
        print(f"build-stack: {error}", file=sys.stderr)
        return 1
    for component in components:
        print(f"{component.name} {component.version}: {component.directory}")
    return 0
