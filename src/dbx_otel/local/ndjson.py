# SPDX-License-Identifier: Apache-2.0
"""Records as newline-delimited JSON: one object a line, `signal` first, then the fields of the record."""

import base64
import json
import math
import threading
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TextIO

from dbx_otel.local.records import Batch, LogRecord, MetricPoint, SpanRecord

_SIGNAL: dict[type, str] = {SpanRecord: "span", LogRecord: "log", MetricPoint: "metric"}


def json_line(record: SpanRecord | LogRecord | MetricPoint) -> str:
    """Return a record as one line of JSON, without the line break.

    As in protobuf's JSON, bytes become base64, and numbers that JSON cannot write become the strings "NaN",
    "Infinity" and "-Infinity".
    """
    return json.dumps({"signal": _SIGNAL[type(record)]} | _plain(record), allow_nan=False)


class NdjsonFile:
    """Appends records to a file; safe to use from any thread.

    Args:
        path: The file; made when it is absent.

    Raises:
        OSError: When the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file: TextIO = path.open("a", encoding="utf-8")

    def append(self, batch: Batch) -> None:
        """Write all records of a request, whole lines only, and hand them to the operating system.

        Raises:
            OSError: When they could not be written.
        """
        records: list[SpanRecord | LogRecord | MetricPoint] = [*batch.spans, *batch.logs, *batch.metrics]
        lines = [json_line(record) + "\n" for record in records]
        with self._lock:
            self._file.write("".join(lines))
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
