# SPDX-License-Identifier: Apache-2.0
"""`dbx-otel`: the tools, one module a sub-command."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from dbx_otel._version import __version__

_COMMANDS = ("demo", "receive")
"""Modules of this package, each with `SUMMARY`, `add_arguments(parser)` and `run(arguments) -> int`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The words after `dbx-otel`; those of the process if `None`.

    Returns:
        The exit status: 0 when all went well, 1 when something did not, 2 for bad usage.
    """
    parser = argparse.ArgumentParser(
        prog="dbx-otel", description="Tools of dbx-otel; the app itself runs under dbx-otel-run."
    )
    parser.add_argument("--version", action="version", version=f"dbx-otel {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in _COMMANDS:
        module = import_module(f"dbx_otel.cli.{name}")
        command = commands.add_parser(name, help=module.SUMMARY, description=module.SUMMARY)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    chosen = parser.parse_args(arguments)
    try:
        status: int = chosen.run(chosen)
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python would complain when it flushes the rest at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        sys.stderr.write(f"dbx-otel {chosen.command}: {error}; see dbx-otel {chosen.command} --help\n")
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
