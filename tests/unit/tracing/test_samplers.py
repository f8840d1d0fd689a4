# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.sdk.trace import sampling
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from dbx_otel.tracing import samplers
from dbx_otel.tracing.sdk_shapes import _sdk_sampler

PARENTS = st.one_of(
    st.none(),
    st.builds(SpanContext, st.just(7), st.just(8), st.booleans(), st.sampled_from([TraceFlags(0), TraceFlags(1)])),
)
NAMES = [
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
]


@pytest.fixture
def of(monkeypatch: pytest.MonkeyPatch) -> Any:
    def read(name: str | None, argument: str | None = None) -> Any:
        for variable, value in (("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", argument)):
            if value is None:
                monkeypatch.delenv(variable, raising=False)
            else:
                monkeypatch.setenv(variable, value)
        return samplers.from_environment()

    return read


@given(st.sampled_from(NAMES), st.floats(0, 1), PARENTS, st.integers(1, 2**128 - 1))
def test_they_decide_as_the_sdks_do(name: str, rate: float, parent: SpanContext | None, trace_id: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_TRACES_SAMPLER", name)
        patch.setenv("OTEL_TRACES_SAMPLER_ARG", repr(rate))
        ours, theirs = samplers.from_environment(), sampling._get_from_env_or_default()
    context = Context() if parent is None else set_span_in_context(NonRecordingSpan(parent), Context())
    for equal in (theirs, _sdk_sampler(ours)):
        assert ours.samples(parent, trace_id) == equal.should_sample(context, trace_id, "s").decision.is_sampled()
    assert _sdk_sampler(ours).get_description() == theirs.get_description()


@pytest.mark.parametrize("name", [None, "", "  "])
def test_where_none_is_named_nobody_can_switch_recording_off_from_outside(of: Any, name: str | None) -> None:
    sampler = of(name)
    assert sampler.samples(None, 1)
    assert sampler.samples(SpanContext(1, 2, is_remote=True), 1)
    assert sampler.samples(SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1)), 1)
    assert not sampler.samples(SpanContext(1, 2, is_remote=False), 1)


def test_a_named_one_is_followed_in_that_too(of: Any) -> None:
    assert not of("parentbased_always_on").samples(SpanContext(1, 2, is_remote=True), 1)


def test_case_and_blanks_do_not_matter(of: Any) -> None:
    assert of(" Always_OFF ") is samplers.ALWAYS_OFF


@pytest.mark.parametrize("argument", ["x", "1.5", "-0.1", "nan", "inf"])
def test_a_bad_rate_leads_to_a_line_and_all_traces(
    of: Any, argument: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DBX_OTEL_RUN_SAID", raising=False)
    assert of("traceidratio", argument).rate == 1.0
    assert f"OTEL_TRACES_SAMPLER_ARG is '{argument}'; allowed: a number from 0 to 1" in capfd.readouterr().err


def test_no_rate_is_all_traces_without_a_word(of: Any, capfd: pytest.CaptureFixture[str]) -> None:
    assert of("traceidratio").rate == of("traceidratio", " ").rate == 1.0
    assert of("traceidratio", "0").rate == 0.0
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["jaeger_remote", "nonsense"])
def test_one_that_nobody_brings_leads_to_a_line_and_all_traces(
    of: Any, name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DBX_OTEL_RUN_SAID", raising=False)
    assert of(name) is samplers.UNSET
    said = capfd.readouterr().err
    assert f"OTEL_TRACES_SAMPLER is '{name}', which cannot be used (there is no such sampler" in said
    assert "used instead: all traces" in said


def package(folder: Any, code: str) -> dict[str, str]:
    """A package that brings a sampler."""
    (folder / "brought.py").write_text(code)
    info = folder / "brought-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: brought\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[opentelemetry_traces_sampler]\nbrought = brought:make\n")
    return {"PYTHONPATH": str(folder), "OTEL_TRACES_SAMPLER": "Brought", "OTEL_TRACES_SAMPLER_ARG": "0.3"}


USE = """
from dbx_otel.tracing.provider import TracerProvider
ended = []
TracerProvider(on_end=ended.append).get_tracer("t").start_span("s").end()
print([dict(span.attributes) for span in ended])
"""


def run(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", USE], env=environment, capture_output=True, text=True, check=True)


def test_one_that_a_package_brings(tmp_path: Any) -> None:
    done = run(
        package(
            tmp_path,
            "from opentelemetry.sdk.trace.sampling import *\n"
            "class Mine(Sampler):\n"
            "    def __init__(self, argument): self.argument = argument\n"
            "    def should_sample(self, *about):\n"
            "        return SamplingResult(Decision.RECORD_AND_SAMPLE, {'argument': self.argument})\n"
            "    def get_description(self): return 'mine'\n"
            "make = Mine\n",
        )
    )
    assert done.stdout == "[{'argument': '0.3'}]\n"
    assert done.stderr == ""


@pytest.mark.parametrize("code", ["raise ImportError('broken')", "make = lambda argument: 'no sampler'"])
def test_one_that_cannot_be_made_leads_to_a_line(tmp_path: Any, code: str) -> None:
    done = run(package(tmp_path, code))
    assert done.stdout == "[{}]\n"
    assert done.stderr.count("OTEL_TRACES_SAMPLER is 'brought', which cannot be used (") == 1
