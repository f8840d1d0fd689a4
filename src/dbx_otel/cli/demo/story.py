# SPDX-License-Identifier: Apache-2.0
"""What the demo prints."""

from collections.abc import Sequence
from pathlib import Path

from dbx_otel.cli.demo.checks import Check, Seen, json_object, span_of
from dbx_otel.cli.demo.people import ALAN, Visit, curl
from dbx_otel.cli.printer import Printer
from dbx_otel.local.follow import Arrived
from dbx_otel.local.store import Store
from dbx_otel.local.terminal import Style, clean

_DENIED = 403
_ERROR_LINES = 20


class Story:
    """Tells the demo on a printer, one chapter a method."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer

    def opening(self, app: Path, port: int, endpoint: str) -> None:
        """Say what is started."""
        self._title("A Databricks App in Python, and a receiver for its telemetry")
        self._say(f"  app       http://127.0.0.1:{port}  dbx-otel-run uvicorn app:app")
        self._say(f"            {app}")
        self._say(f"  receiver  {endpoint}  OTLP, in this process")

    def requests_title(self) -> None:
        """Begin the list of requests."""
        self._title("Three people, as the Apps proxy passes them on in X-Forwarded-* headers")

    def request(self, seen: Seen) -> None:
        """Say who asked for what and what came of it."""
        denied = seen.status == _DENIED
        said = f"  {seen.visit.person.email:<18}  GET {seen.visit.path:<13} {seen.status}"
        self._say(said + (" denied" if denied else ""), Style.BAD if denied else Style.PLAIN)

    def traces(self, seen: Sequence[Seen], store: Store) -> None:
        """Draw the traces of the requests."""
        self._title("What arrived: each span and log record names the person")
        found = [span.trace_id for one in seen if (span := span_of(one, store))]
        spans = [span for span in store.spans() if span.trace_id in found]
        logs = [log for log in store.logs() if log.trace_id in found]
        self._printer.tree(Arrived(spans, logs))

    def log_lines(self, output: Sequence[str]) -> None:
        """Show the app's own log lines, and tell of the others."""
        self._title("The same log records on standard output, as the Logs tab and /logz show them")
        own = [line for line in output if (json_object(line) or {}).get("logger") == "orders"]
        for line in own:
            self._say(clean(line), Style.DIM)
        self._say(f"({len(output) - len(own)} more lines, of the web server and the HTTP client, left out)")

    def verdict(self, checks: Sequence[Check]) -> None:
        """Say of each promise whether it was kept."""
        self._title("Checked")
        for one in checks:
            self._say(f"  {'no' if one.missing else 'ok':<4}{one.promise}", Style.BAD if one.missing else Style.GOOD)
            for what in one.missing:
                self._say(f"        not so for {what}", Style.BAD)

    def next_steps(self) -> None:
        """Say how to go on."""
        self._title("How to go on")
        self._say("  make demo            the same, and goes on serving for requests of your own")
        self._say("  make stack           collector, Jaeger, Prometheus and Loki on this machine")
        self._say("  docs/demo.md         what you have just seen, in detail")

    def invitation(self, port: int) -> None:
        """Offer requests to try."""
        self._title("Now you: each new trace is printed here")
        self._say("  Somebody who may not see the revenue:\n")
        self._say(curl(Visit(ALAN, "/revenue", _DENIED), port), Style.STRONG)
        self._say("\n  Leave the headers out, or put nonsense into them, and look what becomes of it.")
        self._say("  `make stack` shows them in Jaeger instead. Ctrl-C ends.\n")

    def failure(self, what: str, output: Sequence[str], errors: Sequence[str]) -> None:
        """Say what went wrong, with the last lines that the app said about it."""
        self._say(f"\n{what}; the last lines of the app:", Style.BAD)
        for line in [*output[-_ERROR_LINES:], *errors[-_ERROR_LINES:]] or ["(it said nothing)"]:
            self._say(f"  {clean(line)}")

    def _title(self, text: str) -> None:
        self._say()
        self._say(text, Style.STRONG)
        self._say()

    def _say(self, text: str = "", style: Style = Style.PLAIN) -> None:
        self._printer.say(text, style)
