# SPDX-License-Identifier: Apache-2.0
"""Tracers by library, where spans go, and what code that expects the SDK's provider gets."""

import gc
import json
import os
import subprocess
import sys
import threading
import weakref
from io import StringIO
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.resources import Resource as SdkResource
from opentelemetry.sdk.trace import sampling
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator

from dbx_otel.identity.context import with_identity
from dbx_otel.identity.headers import Forwarded
from dbx_otel.identity.model import from_forwarded
from dbx_otel.otlp.model import Resource
from dbx_otel.settings import IdentityMode
from dbx_otel.tracing import samplers
from dbx_otel.tracing.provider import TracerProvider
from tests.support.forking import exit_status_of_child
from tests.unit.tracing.both import Collect, told

ADA = from_forwarded(Forwarded(email="ada@example.com"), IdentityMode.FULL, None)


class Sink:
    """Where ended spans go."""

    def __init__(self, **arguments: Any) -> None:
        self.spans: list[Any] = []
        resource = Resource({"service.name": "app"}, "https://schema")
        self.provider = TracerProvider(resource, on_end=self.spans.append, **arguments)
        self.tracer = self.provider.get_tracer("lib", "1")


@pytest.fixture
def sink() -> Sink:
    return Sink()


def test_a_library_has_one_tracer(sink: Sink) -> None:
    get = sink.provider.get_tracer
    assert get("lib", "1") is sink.tracer
    assert get("lib", "1", attributes={"a": [1]}) is get("lib", "1", attributes={"a": (1,)})
    others = [get("lib"), get("lib", "2"), get("lib", "1", "https://schema"), get("lib", "1", attributes={"a": 1})]
    assert len({id(one) for one in [*others, sink.tracer]}) == 5


def test_spans_say_which_library_made_them(sink: Sink) -> None:
    sink.provider.get_tracer("lib", "2", "https://names", {"a": [1]}).start_span("s").end()
    scope = sink.spans[0].instrumentation_scope
    assert (scope.name, scope.version, scope.schema_url, dict(scope.attributes)) == (
        "lib",
        "2",
        "https://names",
        {"a": (1,)},
    )
    assert dict(sink.spans[0].resource.attributes) == {"service.name": "app"}
    assert sink.spans[0].resource.schema_url == "https://schema"


def test_with_the_sdk_disabled_there_are_no_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", " True ")
    sink = Sink()
    sink.tracer.start_span("s").end()
    assert isinstance(sink.tracer, trace.NoOpTracer)
    assert sink.spans == []


def test_spans_that_go_nowhere_still_have_ids() -> None:
    span = TracerProvider().get_tracer("t").start_span("s")
    assert span.get_span_context().is_valid
    span.end()


def test_flushing_asks_where_spans_went() -> None:
    asked: list[float] = []

    def flush(seconds: float) -> bool:
        asked.append(seconds)
        return seconds > 1

    provider = TracerProvider(flush=flush)
    assert provider.force_flush(2000)
    assert not provider.force_flush(500)
    provider.shutdown()
    assert [round(seconds) for seconds in asked] == [2, 0, 5]


def test_flushing_without_anywhere_to_go(sink: Sink) -> None:
    assert sink.provider.force_flush()
    sink.provider.shutdown()


def test_it_is_the_sdks_to_those_who_ask(sink: Sink) -> None:
    assert isinstance(sink.provider, sdk.TracerProvider)
    assert isinstance(sink.tracer, sdk.Tracer)
    assert isinstance(sink.provider.resource, SdkResource)
    assert isinstance(sink.provider.id_generator, IdGenerator)
    assert isinstance(sink.provider.sampler, sampling.ParentBased)
    assert sink.provider.resource.attributes == {"service.name": "app"}
    with sink.tracer.start_as_current_span("s", attributes={"a": 1}) as span:
        span.add_event("e", {"b": 2})
    (span,) = sink.spans
    assert isinstance(span, sdk.ReadableSpan)
    assert type(span) is not sdk._Span  # and costs what ours cost
    shown = json.loads(span.to_json())
    assert (shown["name"], shown["attributes"], shown["events"][0]["attributes"]) == ("s", {"a": 1}, {"b": 2})
    assert shown["resource"]["attributes"] == {"service.name": "app"}
    with pytest.warns(DeprecationWarning, match="instrumentation_scope"):
        assert span.instrumentation_info.name == "lib"


def test_readers_of_private_names_find_them(sink: Sink) -> None:
    span: Any = sink.tracer.start_span(
        "s", attributes={"a": 1}, links=[trace.Link(trace.SpanContext(1, 2, is_remote=False))]
    )
    span.add_event("e")
    theirs: Any = sdk.TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("s")
    assert {name for name in vars(theirs) if not hasattr(span, name)} == set()
    assert dict(span._attributes) == {"a": 1}
    assert [event.name for event in span._events] == ["e"]
    assert len(span._links) == 1
    assert span._readable_span().name == "s"
    provider: Any = sink.provider
    their_provider: Any = sdk.TracerProvider(shutdown_on_exit=False)
    internal = {"_tracers_lock", "_tracer_configurator"}
    assert {name for name in vars(their_provider) if not hasattr(provider, name)} - internal == {"_meter_provider"}
    assert provider._active_span_processor._span_processors == ()


def test_a_processor_gets_the_sdks_spans_from_all_tracers(sink: Sink) -> None:
    collect = Collect()
    sink.provider.add_span_processor(collect)
    with sink.tracer.start_as_current_span("old", attributes={"a": 1}) as span:
        assert type(span) is sdk._Span
    sink.provider.get_tracer("new").start_span("new").end()
    assert [span.name for span in collect.spans] == ["old", "new"]
    assert [told(span) for span in sink.spans] == [told(span) for span in collect.spans]
    assert told(sink.spans[0])["scope"] == ("lib", "1", "")


def test_whoever_asks_is_told_of_each_processor(sink: Sink) -> None:
    added: list[Any] = []
    sink.provider.on_added = added.append
    first, second = Collect(), Collect()
    sink.provider.add_span_processor(first)
    sink.provider.add_span_processor(second)
    assert added == [first, second]


def test_a_processor_sees_the_end_of_spans_that_were_under_way(sink: Sink) -> None:
    span = sink.tracer.start_span("before", attributes={"a": 1})
    collect = Collect()
    sink.provider.add_span_processor(collect)
    span.end()
    assert [dict(one.attributes or {}) for one in collect.spans] == [{"a": 1}]
    assert sink.spans == [span]


class Marks(sdk.SpanProcessor):
    """Sets attributes at the start, as those of language model libraries do."""

    def on_start(self, span: sdk.Span, parent_context: Any = None) -> None:  # noqa: ARG002 -- the SDK's
        assert (span.attributes or {})["user.email"] == "ada@example.com"  # who it is is known by now
        span.set_attribute("at.start", 1)


def test_what_a_processor_sets_at_the_start_arrives(sink: Sink) -> None:
    sink.provider.add_span_processor(Marks())
    sink.tracer.start_span("s", context=with_identity(ADA)).end()
    assert sink.spans[0].attributes["at.start"] == 1
    assert sink.spans[0].attributes["user.email"] == "ada@example.com"


def test_the_person_stays_on_the_sdks_spans_with_too_many_attributes(sink: Sink) -> None:
    collect = Collect()
    sink.provider.add_span_processor(collect)
    span = sink.tracer.start_span("s", context=with_identity(ADA))
    for number in range(200):
        span.set_attribute(f"n{number}", number)
    span.end()
    for ended in (sink.spans[0], collect.spans[0]):
        assert (ended.attributes or {})["user.email"] == "ada@example.com"


def test_a_processor_that_fails_takes_no_span_from_us(sink: Sink) -> None:
    class Fails(sdk.SpanProcessor):
        def on_end(self, span: sdk.ReadableSpan) -> None:  # noqa: ARG002 -- the SDK's
            raise ZeroDivisionError

    sink.provider.add_span_processor(Fails())
    with pytest.raises(ZeroDivisionError):  # as with the SDK's provider
        sink.tracer.start_span("s").end()
    assert len(sink.spans) == 1


def test_a_processor_added_behind_the_providers_back(sink: Sink) -> None:
    collect = Collect()
    provider: Any = sink.provider
    provider._active_span_processor.add_span_processor(collect)
    sink.tracer.start_span("s").end()
    assert len(collect.spans) == len(sink.spans) == 1


@pytest.mark.parametrize("make", [SimpleSpanProcessor, BatchSpanProcessor])
def test_exporters_of_the_sdk(sink: Sink, make: Any) -> None:
    exporter, text = InMemorySpanExporter(), StringIO()
    sink.provider.add_span_processor(make(exporter))
    sink.provider.add_span_processor(make(ConsoleSpanExporter(out=text)))
    sink.tracer.start_span("s").end()
    assert sink.provider.force_flush()
    assert [span.name for span in exporter.get_finished_spans()] == ["s"]
    assert json.loads(text.getvalue())["name"] == "s"
    sink.provider.shutdown()
    assert exporter._stopped


def test_the_sdk_makes_what_ours_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "2")
    sink = Sink(sampler=samplers.TraceIdRatio(0.5))
    seen = 0
    for provider_is_real in (False, True):
        if provider_is_real:
            sink.provider.add_span_processor(Collect())
        for _ in range(200):
            sink.tracer.start_span("s", attributes={"a": 1, "b": 2, "c": 3}).end()
        assert 50 < len(sink.spans) - seen < 150
        seen = len(sink.spans)
    assert {span.dropped_attributes for span in sink.spans} == {1}


def test_what_is_recorded_only_is_for_processors(sink: Sink) -> None:
    sink = Sink(sampler=sampling.StaticSampler(sampling.Decision.RECORD_ONLY))
    collect = Collect()
    sink.provider.add_span_processor(collect)
    sink.tracer.start_span("s").end()
    assert len(collect.spans) == 1
    assert sink.spans == []


def test_all_threads_go_over_to_the_sdks_spans() -> None:
    sink, collect, go = Sink(), Collect(), threading.Event()

    def work(number: int) -> None:
        go.wait()
        for turn in range(200):
            sink.provider.get_tracer(f"lib{number}-{turn}").start_span("s").end()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    go.set()
    sink.provider.add_span_processor(collect)
    for thread in threads:
        thread.join()
    assert len(sink.spans) == 800
    assert all(type(sink.provider.get_tracer(f"lib{n}-199").start_span("s")) is sdk._Span for n in range(4))


def test_the_child_of_a_fork_follows_its_resource(sink: Sink) -> None:
    """The distribution changes the resource in place; hooks of what was made first run first."""
    resource = Resource({"service.instance.id": "parent"})
    parent = os.getpid()

    def renew() -> None:
        if os.getppid() == parent:
            resource.attributes = {"id": "child"}

    os.register_at_fork(after_in_child=renew)
    ended: list[Any] = []
    provider = TracerProvider(resource, on_end=ended.append)
    tracer = provider.get_tracer("t")

    def child() -> bool:
        tracer.start_span("light").end()
        provider.add_span_processor(Collect())
        tracer.start_span("real").end()
        return [dict(span.resource.attributes) for span in ended] == [{"id": "child"}] * 2

    assert exit_status_of_child(child) == 0
    assert dict(provider.resource.attributes) == {"service.instance.id": "parent"}


def test_the_resource_can_be_replaced_on_both_ways(sink: Sink) -> None:
    for _ in range(2):
        sink.provider.update_resource(Resource({"service.name": "new"}))
        sink.tracer.start_span("s").end()
        assert dict(sink.spans[-1].resource.attributes) == {"service.name": "new"}
        sink.provider.update_resource(Resource({"service.name": "old", "more": 1}))
        sink.provider.add_span_processor(Collect())


def test_a_provider_that_nobody_holds_is_freed() -> None:
    provider = TracerProvider()
    provider.get_tracer("t").start_span("s").end()
    gone = weakref.ref(provider)
    del provider
    gc.collect()
    assert gone() is None


LIGHT = """
import sys
from dbx_otel.tracing.provider import TracerProvider
from dbx_otel.tracing import sdk_compat
ended = []
provider = TracerProvider(on_end=ended.append)
tracer = provider.get_tracer("t")
with tracer.start_as_current_span("s", attributes={"a": 1}) as span:
    span.add_event("e")
open_span = tracer.start_span("open")
heavy = ("opentelemetry.sdk", "google", "requests", "grpc", "asyncio", "concurrent.futures", "ssl", "http.client")
assert [name for name in sys.modules if name.startswith(heavy)] == [], sys.modules.keys()
assert type(span).__name__ == "RecordingSpan"
"""

SHAPED = """
import opentelemetry.sdk.trace as sdk
sdk_compat.on_sdk_imported(sdk)
assert isinstance(provider, sdk.TracerProvider) and isinstance(tracer, sdk.Tracer)
with tracer.start_as_current_span("s") as span:
    assert isinstance(span, sdk.Span) and isinstance(span, sdk.ReadableSpan), span
"""

ADDED = """
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
open_span.end()
tracer.start_span("after").end()
assert [span.name for span in ended][-2:] == ["open", "after"]
"""

HOOKED = """
from dbx_otel.instrumentation.post_import import when_imported
when_imported("opentelemetry.sdk.trace", sdk_compat.on_sdk_imported)
import opentelemetry.sdk.trace as sdk
assert isinstance(provider, sdk.TracerProvider)
assert isinstance(TracerProvider(), sdk.TracerProvider)
"""


@pytest.mark.parametrize("then", ["", SHAPED, ADDED, SHAPED + ADDED, HOOKED, HOOKED + ADDED])
def test_the_sdk_is_imported_by_those_who_want_it(then: str) -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT + then], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    if then.endswith(ADDED):
        assert [json.loads(one)["name"] for one in done.stdout.replace("}\n{", "}\0{").split("\0")] == ["open", "after"]


def test_tracers_by_made_up_names_do_not_pile_up() -> None:
    provider = TracerProvider()
    kept = [provider.get_tracer(f"lib {number}") for number in range(1100)]
    assert len(provider.tracers()) == len(kept)
    provider.update_resource(Resource({"a": 1}))
    assert {tracer.resource for tracer in provider.tracers()} == {provider.resource}
    del kept
    gc.collect()
    assert len(provider.tracers()) <= 1024
