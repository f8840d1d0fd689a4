# SPDX-License-Identifier: Apache-2.0
"""Runs a program with its log records delivered: `python -m tests.support.log_bootstrap -m uvicorn …` or `… file.py`.

The mode and where OTLP records are written down come from the environment, as for any program it starts.
"""

import json
import os
import runpy
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from dbx_otel.instrumentation.post_import import when_imported
from dbx_otel.logs import pipeline
from dbx_otel.settings import StdoutMode, load

MODE = "TEST_LOGS_MODE"
OTLP_FILE = "TEST_LOGS_OTLP_FILE"


class _Person(NamedTuple):
    user: dict[str, str]
    client_address: str | None


_provider: Any = None


def _get_provider() -> Any:
    """Return a real SDK provider that writes down each record at once; built with the first record."""
    global _provider  # noqa: PLW0603 -- one process has one provider
    path = os.environ[OTLP_FILE]
    if _provider is None:
        from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
        from opentelemetry.sdk._logs.export import (
            LogRecordExporter,
            LogRecordExportResult,
            SimpleLogRecordProcessor,
        )

        class _Writer(LogRecordExporter):
            def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
                for record in batch:
                    told = json.loads(record.to_json(indent=None))
                    told["scope"] = record.instrumentation_scope.name if record.instrumentation_scope else None
                    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
                    os.write(descriptor, (json.dumps(told) + "\n").encode())
                    os.close(descriptor)
                return LogRecordExportResult.SUCCESS

            def shutdown(self) -> None:
                pass

            def force_flush(self, timeout_millis: int = 0) -> bool:  # noqa: ARG002 -- the SDK's signature
                return True

        _provider = LoggerProvider()
        _provider.add_log_record_processor(SimpleLogRecordProcessor(_Writer()))
    return _provider


def _get_outlet() -> Any:
    from dbx_otel.logs.otlp import SdkOutlet

    return SdkOutlet(_get_provider())


def _hook(name: str) -> Any:
    def instrument(module: Any) -> None:
        from importlib import import_module

        import_module(f"dbx_otel.instrumentation.{name}").instrument(module)

    return instrument


def begin() -> None:
    """Do what the distribution does at an interpreter's start, as far as log records go."""
    settings, _ = load()
    pipeline.install(
        settings,
        mode=StdoutMode(os.environ.get(MODE, "json")),
        resource={"service.name": "orders", "databricks.app.name": "orders", "host.name": "not shown"},
        get_outlet=_get_outlet,
        identity=lambda: _Person({"id": "7@1", "email": "ann@example.com"}, "10.0.0.7"),
    )
    when_imported("logging", _hook("stdlib_logging"))
    when_imported("structlog._base", _hook("structlog"))
    when_imported("loguru._logger", _hook("loguru"))


def main() -> None:
    """Run the program."""
    begin()
    sys.argv = sys.argv[1:]
    if sys.argv[0] == "-m":
        sys.argv = sys.argv[1:]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
