# SPDX-License-Identifier: Apache-2.0
"""The logger provider, beside the SDK's: the same is emitted into both."""

from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry._logs import LogRecord as ApiLogRecord
from opentelemetry._logs import SeverityNumber
from opentelemetry.context import Context, get_current
from opentelemetry.sdk._logs import LoggerProvider as SdkLoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource as SdkResource
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from dbx_otel.logs.limits import LogLimits
from dbx_otel.logs.provider import LoggerProvider
from dbx_otel.otlp.logs import encode_logs
from dbx_otel.otlp.model import LogRecord, Resource

NO_LIMITS = LogLimits()
PARENT = trace.set_span_in_context(NonRecordingSpan(SpanContext(7, 8, is_remote=False, trace_flags=TraceFlags(1))))


class Both:
    """Ours and the SDK's."""

    def __init__(self, limits: LogLimits = NO_LIMITS, identity: Mapping[str, Any] | None = None) -> None:
        self.taken: list[LogRecord] = []
        self.made = 0
        self.exporter: Any = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        self.of_sdk = SdkLoggerProvider(shutdown_on_exit=False)
        self.of_sdk.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))

        def make_sdk_provider() -> SdkLoggerProvider:
            self.made += 1
            return SdkLoggerProvider(resource=SdkResource({}), shutdown_on_exit=False)

        self.ours = LoggerProvider(
            self.taken.append, Resource({"service.name": "orders"}), lambda _: identity or {}, limits, make_sdk_provider
        )

    def emit(self, record: ApiLogRecord | None = None, **fields: Any) -> tuple[LogRecord, Any]:
        for provider in (self.ours, self.of_sdk):
            logger: Any = provider.get_logger("shop", "1")
            logger.emit(record) if record is not None else logger.emit(**fields)
        return self.taken[-1], self.exporter.get_finished_logs()[-1].log_record


FIELDS = ("timestamp", "trace_id", "span_id", "trace_flags", "severity_text", "body", "event_name")


@pytest.mark.parametrize(
    "fields",
    [
        {"body": "hello", "timestamp": 5, "severity_number": SeverityNumber.WARN, "severity_text": "WARN"},
        {"body": {"a": [1, None]}, "attributes": {"b": "x", "n": None, "l": [1, 2]}, "event_name": "security.test"},
        {"context": PARENT, "observed_timestamp": 9},
        {},
    ],
)
@pytest.mark.parametrize("as_record", [True, False])
def test_a_record_is_what_it_is_with_the_sdk(fields: dict[str, Any], as_record: bool) -> None:
    both = Both()
    ours, theirs = both.emit(ApiLogRecord(**fields)) if as_record else both.emit(**fields)
    assert [getattr(ours, name) for name in FIELDS] == [getattr(theirs, name) for name in FIELDS]
    assert dict(ours.attributes) == dict(theirs.attributes)
    assert ours.severity_number == (theirs.severity_number.value if theirs.severity_number else None)
    if "observed_timestamp" in fields:
        assert ours.observed_timestamp == 9
    assert ours.observed_timestamp > 0
    assert ours.instrumentation_scope.name == "shop"
    assert ours.instrumentation_scope.version == "1"


def test_an_exception_becomes_attributes_and_what_is_given_wins() -> None:
    ours, theirs = Both().emit(exception=ValueError("no"), attributes={"exception.message": "mine"})
    assert ours.attributes["exception.type"] == theirs.attributes["exception.type"] == "ValueError"
    assert ours.attributes["exception.message"] == theirs.attributes["exception.message"] == "mine"


def test_limits_count_what_they_leave_out() -> None:
    both = Both(LogLimits(most_attributes=1))
    both.ours.get_logger("shop").emit(attributes={"a": 1, "b": 2})
    assert both.taken[0].dropped_attributes == 1
    assert len(both.taken[0].attributes) == 1


def test_the_person_is_who_the_proxy_says() -> None:
    both = Both(identity={"user.id": "7"})
    both.ours.get_logger("shop").emit(attributes={"user.id": "somebody else", "a": 1})
    assert both.taken[0].attributes == {"user.id": "7", "a": 1}


def test_the_record_knows_its_context() -> None:
    seen: list[Context | None] = []

    def identity(context: Context | None) -> dict[str, Any]:
        seen.append(context)
        return {}

    provider = LoggerProvider(lambda _: None, Resource({}), identity, LogLimits(), lambda: None)
    provider.get_logger("shop").emit(context=PARENT)
    provider.get_logger("shop").emit()
    assert seen == [PARENT, get_current()]


def test_a_processor_that_is_added_sees_what_loggers_of_before_emit() -> None:
    both = Both()
    logger = both.ours.get_logger("shop")
    logger.emit(body="before")
    both.ours.add_log_record_processor(SimpleLogRecordProcessor(both.exporter))
    both.ours.add_log_record_processor(SimpleLogRecordProcessor(both.exporter))
    logger.emit(body="after")
    assert [record.body for record in both.taken] == ["before"]  # the provider made here ends in nothing
    assert [each.log_record.body for each in both.exporter.get_finished_logs()] == ["after", "after"]
    assert both.made == 1
    assert both.ours.force_flush()
    both.ours.shutdown()


def test_one_logger_a_scope() -> None:
    provider = Both().ours
    assert provider.get_logger("a") is provider.get_logger("a")
    assert provider.get_logger("a") is not provider.get_logger("a", "2")
    scope = provider.get_logger("a", attributes={"k": "v"})._scope
    assert scope.attributes == {"k": "v"}
    assert provider.get_logger("a").enabled()


class Unreadable:
    """Fails when it is looked at."""

    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "fields",
    [
        {"severity_number": 9},
        {"severity_number": "high", "severity_text": ["no", "text"]},
        {"severity_number": 99, "timestamp": "now", "observed_timestamp": "now"},
        {"attributes": ["no", "mapping"]},
        {"attributes": {"bad": Unreadable(), "good": 1}},
        {"attributes": ["no", "mapping"], "exception": ValueError("x")},
        {"exception": "no exception", "event_name": 5},
        {"body": Unreadable()},
    ],
)
def test_whatever_the_app_emits_is_sent_and_raises_nothing(fields: dict[str, Any]) -> None:
    taken: list[LogRecord] = []
    logger: Any = LoggerProvider(taken.append, Resource({}), lambda _: {"user.id": "ada"}, NO_LIMITS, list).get_logger(
        ""
    )
    logger.emit(**fields)
    refused: list[Exception] = []
    assert encode_logs(taken, refused=refused.append)
    assert refused == []
    assert taken[0].attributes["user.id"] == "ada"
    if fields.get("severity_number") == 9:
        assert taken[0].severity_number == 9
    if "good" in (fields.get("attributes") or ()):
        assert taken[0].attributes["good"] == 1
        assert taken[0].dropped_attributes == 1


def test_a_record_with_ids_that_are_none_is_sent() -> None:
    taken: list[LogRecord] = []
    logger: Any = LoggerProvider(taken.append, Resource({}), lambda _: {}, NO_LIMITS, list).get_logger("")
    ids: Any = {"trace_id": "1", "span_id": "2", "trace_flags": "3"}
    logger.emit(ApiLogRecord(**ids))
    refused: list[Exception] = []
    assert encode_logs(taken, refused=refused.append)
    assert refused == []


def test_a_record_that_cannot_be_read_at_all_raises_nothing(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DBX_OTEL_RUN_SAID", raising=False)
    logger: Any = LoggerProvider(list[LogRecord]().append, Resource({}), lambda _: {}, NO_LIMITS, list).get_logger("")
    logger.emit(context="none")
    assert capfd.readouterr().err == (
        "dbx-otel: a log record of the app cannot be read and is left out: AttributeError\n"
    )


def test_loggers_by_made_up_names_do_not_pile_up() -> None:
    provider = Both().ours
    for number in range(3000):
        provider.get_logger(f"shop {number}")
    assert len(provider._loggers) <= 1024


def test_a_flush_and_a_shutdown_send_what_was_emitted() -> None:
    flushed: list[float] = []

    def flush(seconds: float) -> bool:
        flushed.append(seconds)
        return False

    provider = LoggerProvider(list[LogRecord]().append, Resource({}), lambda _: {}, NO_LIMITS, list, flush)
    assert provider.force_flush(2000) is False
    provider.shutdown()
    assert 1 < flushed[0] <= 2
    assert len(flushed) == 2
