# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import pytest

from dbx_otel.local.ndjson import NdjsonFile, json_line
from dbx_otel.local.records import Batch, Exemplar, SpanEvent
from tests.unit.local.records_for_tests import TRACE, log, point, span


def test_each_record_is_a_line_that_says_its_signal(tmp_path: Path) -> None:
    path = tmp_path / "out.ndjson"
    for _ in range(2):
        file = NdjsonFile(path)
        file.append(Batch(spans=[span("a")], logs=[log("b\nc")], metrics=[point("d")]))
        file.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["signal"] for line in lines] == ["span", "log", "metric"] * 2
    assert (lines[0]["trace_id"], lines[1]["body"], lines[2]["name"]) == (TRACE, "b\nc", "d")


def test_nested_records_and_values_that_json_does_not_have() -> None:
    record = span("a", events=[SpanEvent(5, "e", {"raw": b"\xff\x00", "list": [float("nan"), 1.5]})])
    assert json.loads(json_line(record))["events"] == [
        {"time_ns": 5, "name": "e", "attributes": {"raw": "/wA=", "list": ["NaN", 1.5]}}
    ]
    example = Exemplar(time_ns=1, value=float("-inf"), trace_id=TRACE, span_id=None, attributes={})
    line = json.loads(json_line(point("p", value=float("inf"), exemplars=[example], detail={"quantiles": {0.5: 2}})))
    assert (line["value"], line["exemplars"][0]["value"]) == ("Infinity", "-Infinity")
    assert line["detail"] == {"quantiles": {"0.5": 2}}


def test_a_file_that_cannot_be_opened_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="absent"):
        NdjsonFile(tmp_path / "absent" / "out.ndjson")
