# SPDX-License-Identifier: Apache-2.0
import io
import json
from contextlib import redirect_stdout
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from dbx_otel.logs import pipeline
from dbx_otel.logs.otlp import SdkOutlet
from dbx_otel.logs.record import LogEvent
from dbx_otel.settings import Settings, StdoutMode


class Bench:
    """The pipeline with its two ends in hand."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self.capfd = capfd
        self.text = ""
        self.exporter: Any = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        self.provider = LoggerProvider()
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))
        self.asked = 0

    def install(self, mode: str = "json", **more: Any) -> None:
        more = {"get_outlet": self.get_outlet, **more}
        pipeline.install(Settings(), mode=StdoutMode(mode), **more)

    def get_outlet(self) -> SdkOutlet:
        self.asked += 1
        return SdkOutlet(self.provider)

    @property
    def lines(self) -> list[dict[str, Any]]:
        self.text += self.capfd.readouterr().out
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def sent(self) -> list[Any]:
        return [each.log_record for each in self.exporter.get_finished_logs()]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Bench:
    monkeypatch.setattr(pipeline, "_pipeline", None)
    return Bench(capfd)


def event(body: Any = "hello", **more: Any) -> LogEvent:
    fields = {"timestamp": 1, "severity_number": 9, "severity_text": "INFO", "logger": "shop", **more}
    return LogEvent(body=body, **fields)


def test_nothing_before_install(bench: Bench) -> None:
    pipeline.emit(event())
    assert not pipeline.is_installed()
    assert not pipeline.owns_console()
    assert bench.lines == []


def test_both_outlets(bench: Bench) -> None:
    bench.install(resource={"service.name": "orders", "process.pid": "1"})
    pipeline.emit(event(event_name="security.authz.fail", attributes={"a": [1, {"b": None}], "": 1}))
    assert bench.lines[0]["event_name"] == "security.authz.fail"
    assert bench.lines[0]["resource"] == {"service.name": "orders"}
    sent = bench.sent[0]
    assert sent.event_name == "security.authz.fail"
    assert sent.body == "hello"
    assert dict(sent.attributes) == {"a": (1, {"b": None}), "_": 1}
    assert sent.severity_number.value == 9


def test_the_console_may_be_left_out(bench: Bench) -> None:
    bench.install()
    pipeline.emit(event(), to_console=False)
    assert bench.lines == []
    assert len(bench.sent) == 1


def test_the_provider_is_asked_for_at_the_first_record(bench: Bench) -> None:
    bench.install("off")
    assert bench.asked == 0
    pipeline.emit(event())
    pipeline.emit(event())
    assert bench.asked == 1
    assert len(bench.sent) == 2
    assert bench.lines == []


def test_the_outlet_may_come_late(bench: Bench) -> None:
    outlets: list[Any] = [None, SdkOutlet(bench.provider)]
    bench.install(get_outlet=lambda: outlets.pop(0))
    pipeline.emit(event("early"))
    pipeline.emit(event("late"))
    assert [sent.body for sent in bench.sent] == ["late"]


def test_one_outlet_that_fails_does_not_touch_the_other(bench: Bench) -> None:
    def fail() -> Any:
        raise RuntimeError("no")

    bench.install(get_outlet=fail)
    pipeline.emit(event())
    assert len(bench.lines) == 1
    bench.install(identity=fail)
    pipeline.emit(event())
    assert len(bench.sent) == 1


def test_records_that_come_up_inside_an_export_are_not_sent(bench: Bench) -> None:
    class Chatty(InMemoryLogRecordExporter):
        def export(self, batch: Any) -> Any:
            pipeline.emit(event("sending"))
            return super().export(batch)

    exporter: Any = Chatty()  # type: ignore[no-untyped-call]
    bench.provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    bench.install()
    pipeline.emit(event("hello"))
    assert [line["body"] for line in bench.lines] == ["hello", "sending"]
    assert [each.log_record.body for each in exporter.get_finished_logs()] == ["hello"]


def test_opentelemetry_repeats_itself_once_a_minute(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    bench.install()
    for _ in range(3):
        pipeline.emit(event("try 1", logger="opentelemetry.sdk", template="try %s"))
        pipeline.emit(event("try 2", logger="opentelemetry.sdk", template="try %s"))
    pipeline.emit(event("other", logger="opentelemetry.sdk", template="other"))
    pipeline.emit(event("mine", logger="opentelemetryish"))
    now = 161.0
    pipeline.emit(event("try 3", logger="opentelemetry.sdk", template="try %s"))
    assert [line["body"] for line in bench.lines] == ["try 1", "other", "mine", "try 3"]
    assert [sent.body for sent in bench.sent] == ["mine"]


def test_many_logger_names_do_not_pile_up(bench: Bench) -> None:
    bench.install("off")
    for number in range(3000):
        pipeline.emit(event(logger=f"logger-{number}"))
    assert len(bench.sent) == 3000
    assert pipeline._pipeline is not None
    assert isinstance(pipeline._pipeline.outlet, SdkOutlet)
    assert len(pipeline._pipeline.outlet._loggers) <= 1024


def test_resource_may_change(bench: Bench) -> None:
    bench.install(resource={"service.instance.id": "parent"})
    pipeline.set_resource({"service.instance.id": "child"})
    pipeline.emit(event())
    assert bench.lines[0]["resource"] == {"service.instance.id": "child"}


def test_no_line_lands_in_what_the_app_has_redirected_its_output_to(bench: Bench) -> None:
    bench.install()
    with redirect_stdout(io.StringIO()) as caught:
        pipeline.emit(event())
    assert caught.getvalue() == ""
    assert [line["body"] for line in bench.lines] == ["hello"]
