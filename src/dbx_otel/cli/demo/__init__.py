# SPDX-License-Identifier: Apache-2.0
"""`dbx-otel demo`: the whole way, from a request behind the proxy to a trace that names the person."""

import argparse
import sys
import threading
import time
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

from dbx_otel.cli.demo.app_process import AppProcess
from dbx_otel.cli.demo.checks import Check, Seen, check
from dbx_otel.cli.demo.people import VISITS, send
from dbx_otel.cli.demo.story import Story
from dbx_otel.cli.interrupt import InterruptedBySignal, interruptible
from dbx_otel.cli.printer import Printer
from dbx_otel.local.receiver import Receiver
from dbx_otel.local.records import Batch

SUMMARY = "Run a small app under dbx-otel-run, send it requests as the Apps proxy would, and show the traces."

_NEEDED = ("fastapi", "uvicorn", "httpx")
_ARRIVAL_SECONDS = 20.0
_LOOK_EVERY = 0.1
_INTERRUPTED = 130
_SHORT_DELAYS = {
    "OTEL_BSP_SCHEDULE_DELAY": "200",
    "OTEL_BLRP_SCHEDULE_DELAY": "200",
    "OTEL_METRIC_EXPORT_INTERVAL": "15000",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command."""
    parser.add_argument(
        "--once",
        action="store_true",
        help="end after the three requests, with status 0 when everything arrived, and 1 when not",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the demo.

    Returns:
        0 when everything arrived; 1 when something did not or the app could not be run; 130 when it was
        interrupted before that was known.

    Raises:
        OSError: When the app does not answer.
    """
    absent = [name for name in _NEEDED if find_spec(name) is None]
    folder = app_folder()
    if absent:
        sys.stderr.write(f"dbx-otel demo: {', '.join(absent)} not installed; remedy: pip install 'dbx-otel[demo]'\n")
        return 1
    if folder is None:
        sys.stderr.write("dbx-otel demo: its example app is missing from this installation; install it anew\n")
        return 1
    serving = threading.Event()
    try:
        with interruptible():
            return _run(folder, serving, once=arguments.once)
    except InterruptedBySignal:
        return 0 if serving.is_set() else _INTERRUPTED


def app_folder() -> Path | None:
    """Return where the example app lies: beside this module if installed, in `examples` in a checkout."""
    here = Path(__file__).resolve().parent
    places = (here / "app", here.parents[3] / "examples" / "fastapi")
    return next((place for place in places if (place / "app.py").is_file()), None)


def _run(folder: Path, serving: threading.Event, *, once: bool) -> int:
    printer = Printer()
    story = Story(printer)
    output: list[str] = []

    def on_batch(batch: Batch) -> None:
        if serving.is_set():
            printer.take(batch)

    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver(grpc_port=None, on_batch=on_batch))
        app = stack.enter_context(AppProcess(folder, receiver.environment() | _SHORT_DELAYS, output.append))
        story.opening(folder / "app.py", app.port, receiver.http_endpoint)
        if not app.wait_until_listening():
            story.failure("the app did not start", output, app.errors)
            return 1
        seen = _visit(app, story)
        checks = _await_arrival(seen, receiver, output)
        story.traces(seen, receiver.store)
        story.log_lines(output)
        story.verdict(checks)
        if any(one.missing for one in checks):
            story.failure("not everything arrived", (), app.errors)
            return 1
        if once:
            story.next_steps()
            return 0
        story.invitation(app.port)
        serving.set()
        return _serve(app, printer, story)


def _visit(app: AppProcess, story: Story) -> list[Seen]:
    seen = []
    story.requests_title()
    for visit in VISITS:
        request_id, status = send(visit, app.port)
        seen.append(Seen(visit, request_id, status))
        story.request(seen[-1])
    return seen


def _await_arrival(seen: list[Seen], receiver: Receiver, output: list[str]) -> list[Check]:
    deadline = time.monotonic() + _ARRIVAL_SECONDS
    while True:
        checks = check(seen, receiver.store, list(output))
        if not any(one.missing for one in checks) or time.monotonic() > deadline:
            return checks
        time.sleep(_LOOK_EVERY)


def _serve(app: AppProcess, printer: Printer, story: Story) -> int:
    """Print each new trace until somebody interrupts."""
    while app.exit_status is None:
        time.sleep(_LOOK_EVERY)
        printer.print_ready()
    printer.print_rest()
    story.failure(f"the app ended with status {app.exit_status}", (), app.errors)
    return 1
