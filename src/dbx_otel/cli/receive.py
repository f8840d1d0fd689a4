# SPDX-License-Identifier: Apache-2.0
"""`dbx-otel receive`: an OTLP receiver on this machine that shows what arrives."""

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from dbx_otel.cli.interrupt import InterruptedBySignal, interruptible
from dbx_otel.cli.printer import Printer
from dbx_otel.local.ndjson import NdjsonFile
from dbx_otel.local.receiver import Receiver
from dbx_otel.local.records import Batch
from dbx_otel.local.store import Store

SUMMARY = "Receive OTLP on this machine and print traces as trees."

_LOOK_EVERY = 0.2
_HIGHEST_PORT = 65_535


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command."""
    for protocol, port in (("http", 4318), ("grpc", 4317)):
        parser.add_argument(
            f"--{protocol}-port",
            type=_port,
            default=port,
            metavar="PORT",
            help=f"port of OTLP/{protocol.upper()}; 0 takes a free one (default: {port})",
        )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="append every record to FILE as well, one JSON object a line",
    )


def run(arguments: argparse.Namespace) -> int:
    """Receive until Ctrl-C or SIGTERM.

    Returns:
        0.

    Raises:
        OSError: When a port or the file cannot be had.
    """
    printer = Printer()
    # Only the counts are needed: what arrives is printed and written at once.
    store = Store(limit=1)
    with ExitStack() as stack:
        try:
            stack.enter_context(interruptible())
            keep = _keep(printer, arguments.json, stack)
            receiver = Receiver(
                http_port=arguments.http_port, grpc_port=arguments.grpc_port, store=store, on_batch=keep
            )
            stack.enter_context(receiver)
            printer.say(f"OTLP/HTTP on {receiver.http_endpoint}, OTLP/gRPC on {receiver.grpc_endpoint}")
            printer.say("Ctrl-C ends.\n")
            while True:
                time.sleep(_LOOK_EVERY)
                printer.print_ready()
        except InterruptedBySignal:
            # The senders are heard out before the rest is printed.
            stack.close()
    printer.print_rest()
    spans, logs, metrics = store.counts
    printer.say(f"received {spans} spans, {logs} log records, {metrics} metric points")
    return 0


def _keep(printer: Printer, path: Path | None, stack: ExitStack) -> Callable[[Batch], None]:
    """Return what to do with each request; the file comes first, since only it can fail."""
    if path is None:
        return printer.take
    file = NdjsonFile(path)
    stack.callback(file.close)

    def keep(batch: Batch) -> None:
        file.append(batch)
        printer.take(batch)

    return keep


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= _HIGHEST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number from 0 to {_HIGHEST_PORT}")
    return int(text)
