# SPDX-License-Identifier: Apache-2.0
"""`scripts/stack`: run collector, Jaeger, Prometheus and Loki on 127.0.0.1 until Ctrl-C."""

import argparse
import json
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from .build import BuildError
from .ports import Endpoints, Ports
from .stack import Stack, StackError


def main(arguments: list[str] | None = None) -> int:
    """Run the stack until SIGINT or SIGTERM: 0 then, 1 when it could not start or a program of it died."""
    parser = argparse.ArgumentParser(prog="scripts/stack", description=__doc__)
    parser.add_argument("--free-ports", action="store_true", help="any free ports instead of the usual ones")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep data and logs there (default: thrown away)")
    parser.add_argument(
        "--ready-file", type=Path, metavar="FILE", help="write the addresses there, as JSON, when healthy"
    )
    options = parser.parse_args(arguments)
    for number in _ENDING:
        signal.signal(number, _end)
    try:
        _run(options.data, Ports.free() if options.free_ports else Ports(), options.ready_file)
    except _EndedError:
        print("all ended", flush=True)
        return 0
    except (StackError, BuildError, RuntimeError) as error:
        print(f"stack: {error}", file=sys.stderr)
        return 1
    return 0


class _EndedError(BaseException):
    """A signal asked us to end. Not an Exception, so that nothing on the way takes it for a failure."""


_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _end(_signal: int, _frame: FrameType | None) -> None:
    for number in _ENDING:  # all is being ended already: a second Ctrl-C must not leave half of it
        signal.signal(number, signal.SIG_IGN)
    raise _EndedError


def _run(data: Path | None, ports: Ports, ready_file: Path | None) -> None:
    with ExitStack() as cleanup:
        if data is None:
            data = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="dbx-otel-stack-")))
        stack = cleanup.enter_context(Stack(data.resolve(), ports, say=_say))
        print(_table(stack), flush=True)
        if ready_file:
            cleanup.callback(ready_file.unlink, missing_ok=True)
            _write_whole(ready_file, json.dumps(asdict(stack.endpoints), indent=2) + "\n")
        while True:
            stack.check()
            time.sleep(0.5)


def _say(line: str) -> None:
    print(line, flush=True)


def _write_whole(path: Path, text: str) -> None:
    """Write so that a reader sees all of it or nothing."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text)
    partial.replace(path)


def _table(stack: Stack) -> str:
    at: Endpoints = stack.endpoints
    rows = [
        ("OTLP, gRPC", at.otlp_grpc),
        ("OTLP, HTTP", at.otlp_http),
        ("Jaeger", at.jaeger),
        ("Prometheus", at.prometheus),
        ("Loki", at.loki),
        ("collector health", at.collector_health),
        ("collector metrics", at.collector_metrics),
        ("data and logs", str(stack.data)),
    ]
    return "\n".join(
        [
            "The stack is healthy (Ctrl-C ends it):",
            *(f"  {what:<18} {where}" for what, where in rows),
            "Try:",
            f"  OTEL_EXPORTER_OTLP_ENDPOINT={at.otlp_grpc} dbx-otel-run python app.py",
            f"  curl {at.jaeger}/api/services",
            f"  curl {at.loki}/loki/api/v1/labels",
            f"  curl '{at.prometheus}/api/v1/query?query=up'",
            "These programs have no web pages; docker-compose up brings those of Jaeger and Grafana.",
        ]
    )
