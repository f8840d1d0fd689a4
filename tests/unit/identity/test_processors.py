# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator

import pytest
from opentelemetry import context as contexts
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from dbx_otel.identity.context import current, with_identity
from dbx_otel.identity.headers import Forwarded
from dbx_otel.identity.model import NOBODY, Identity, from_forwarded
from dbx_otel.identity.processors import IdentityLogRecordProcessor, IdentitySpanProcessor
from dbx_otel.settings import IdentityMode


def person(name: str) -> Identity:
    return from_forwarded(Forwarded(email=f"{name}@example.com"), IdentityMode.FULL, None)


ADA, BOB = person("ada"), person("bob")


@pytest.fixture
def ada() -> Iterator[None]:
    token = contexts.attach(with_identity(ADA))
    yield
    contexts.detach(token)


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer_provider(spans: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(IdentitySpanProcessor())
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return provider


@pytest.fixture
def records() -> InMemoryLogRecordExporter:
    return InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # untyped in the SDK


@pytest.fixture
def logger_provider(records: InMemoryLogRecordExporter) -> LoggerProvider:
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(IdentityLogRecordProcessor())
    provider.add_log_record_processor(SimpleLogRecordProcessor(records))
    return provider


def test_no_request_no_identity(tracer_provider: TracerProvider, spans: InMemorySpanExporter) -> None:
    assert current() is None
    tracer_provider.get_tracer("t").start_span("s").end()
    (span,) = spans.get_finished_spans()
    assert dict(span.attributes or {}) == {}


def test_spans_bear_the_current_person(ada: None, tracer_provider: TracerProvider, spans: InMemorySpanExporter) -> None:
    tracer = tracer_provider.get_tracer("t")
    with tracer.start_as_current_span("parent", attributes={"a": 1}):
        tracer.start_span("child").end()
    for span in spans.get_finished_spans():
        assert (span.attributes or {})["user.email"] == "ada@example.com"


def test_the_context_that_a_span_is_given_wins(
    ada: None, tracer_provider: TracerProvider, spans: InMemorySpanExporter
) -> None:
    tracer_provider.get_tracer("t").start_span("s", context=with_identity(BOB, Context())).end()
    (span,) = spans.get_finished_spans()
    assert (span.attributes or {})["user.email"] == "bob@example.com"


def test_a_parent_without_a_person_leaves_the_current_one(
    ada: None, tracer_provider: TracerProvider, spans: InMemorySpanExporter
) -> None:
    tracer_provider.get_tracer("t").start_span("s", context=Context()).end()
    (finished,) = spans.get_finished_spans()
    assert (finished.attributes or {})["user.email"] == "ada@example.com"


@pytest.mark.parametrize("attributes", [None, {}, {"user.email": "forged@example.com", "kept": 1}])
def test_log_records_bear_the_person_over_what_they_say(
    attributes: dict[str, str | int] | None,
    ada: None,
    logger_provider: LoggerProvider,
    records: InMemoryLogRecordExporter,
) -> None:
    record = LogRecord(body="b", severity_number=SeverityNumber.INFO, attributes=attributes)
    logger_provider.get_logger("l").emit(record)
    (finished,) = records.get_finished_logs()
    expected = {**(attributes or {}), **ADA.attributes}
    assert dict(finished.log_record.attributes or {}) == expected


def test_the_context_of_a_log_record_wins(
    ada: None, logger_provider: LoggerProvider, records: InMemoryLogRecordExporter
) -> None:
    logger_provider.get_logger("l").emit(LogRecord(body="b", context=with_identity(BOB, Context())))
    (finished,) = records.get_finished_logs()
    assert (finished.log_record.attributes or {})["user.email"] == "bob@example.com"


def test_nobody_takes_nothing_from_a_record(
    logger_provider: LoggerProvider, records: InMemoryLogRecordExporter
) -> None:
    record = LogRecord(body="b", context=with_identity(NOBODY, Context()), attributes={"user.email": "of the app"})
    logger_provider.get_logger("l").emit(record)
    (finished,) = records.get_finished_logs()
    assert dict(finished.log_record.attributes or {}) == {
        "user.email": "of the app",
        "databricks.identity.source": "none",
    }


def test_flush_and_shutdown_hold_nothing() -> None:
    for processor in (IdentitySpanProcessor(), IdentityLogRecordProcessor()):
        assert processor.force_flush() is True
        processor.shutdown()


def test_the_person_is_not_what_is_dropped_for_the_limit(
    ada: None, tracer_provider: TracerProvider, spans: InMemorySpanExporter
) -> None:
    span = tracer_provider.get_tracer("t").start_span("s")
    for number in range(200):
        span.set_attribute(f"n{number}", number)
    span.end()
    (ended,) = spans.get_finished_spans()
    assert (ended.attributes or {})["user.email"] == "ada@example.com"
    assert (ended.attributes or {})["n199"] == 199
    assert len(ended.attributes or ()) + ended.dropped_attributes == 200 + len(ADA.attributes)
