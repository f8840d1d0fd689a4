# SPDX-License-Identifier: Apache-2.0
"""Which traces are recorded: the samplers that `OTEL_TRACES_SAMPLER` names (OpenTelemetry specification, "Sampler").

They decide by the parent and the trace id alone, so that a tracer need not ask them in the SDK's long way. The SDK's
own samplers, and those of other packages, work beside them.
"""

import os
from contextlib import suppress
from typing import Any

from opentelemetry.trace import SpanContext, TraceFlags

from dbx_otel import diagnostics

_RANDOM_BITS = (1 << 64) - 1
"""The part of a trace id that the ratio looks at, as in the SDK: services with both decide alike."""


class Sampler:
    """Decides whether a span is recorded and sent on."""

    def samples(self, parent: SpanContext | None, trace_id: int) -> bool:
        """Tell whether a span is recorded.

        Args:
            parent: Its valid parent, if it has one.
            trace_id: Its trace.
        """
        raise NotImplementedError


class Always(Sampler):
    """The same answer for every span: `always_on`, `always_off`."""

    def __init__(self, answer: bool) -> None:
        self.answer = answer

    def samples(self, parent: SpanContext | None, trace_id: int) -> bool:  # noqa: ARG002 -- the base's
        """Return the answer."""
        return self.answer


ALWAYS_ON = Always(True)
ALWAYS_OFF = Always(False)


class TraceIdRatio(Sampler):
    """A share of all traces, the same ones in each service: `traceidratio`."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._bound = round(rate * (_RANDOM_BITS + 1))

    def samples(self, parent: SpanContext | None, trace_id: int) -> bool:  # noqa: ARG002 -- the base's
        """Tell whether the trace is of the share."""
        return trace_id & _RANDOM_BITS < self._bound


class ParentBased(Sampler):
    """What the parent's sampling says, or a sampler of its own for spans without one: `parentbased_…`."""

    def __init__(self, root: Sampler, remote_parent_not_sampled: Sampler = ALWAYS_OFF) -> None:
        """Make a sampler.

        Args:
            root: Decides where there is no parent.
            remote_parent_not_sampled: Decides where the parent is another process's and is not sampled.
        """
        self.root = root
        self.remote_parent_not_sampled = remote_parent_not_sampled

    def samples(self, parent: SpanContext | None, trace_id: int) -> bool:
        """Do as the parent, or ask the root sampler."""
        if parent is None:
            return self.root.samples(None, trace_id)
        if parent.trace_flags & TraceFlags.SAMPLED:
            return True
        return parent.is_remote and self.remote_parent_not_sampled.samples(parent, trace_id)


UNSET = ParentBased(ALWAYS_ON, remote_parent_not_sampled=ALWAYS_ON)
"""Where no sampler is named: all spans, whatever a caller's `traceparent` asks for.

Trace context comes with requests from anywhere, and who could switch the recording of his requests off would.
"""

_FIXED = {
    "always_on": ALWAYS_ON,
    "always_off": ALWAYS_OFF,
    "parentbased_always_on": ParentBased(ALWAYS_ON),
    "parentbased_always_off": ParentBased(ALWAYS_OFF),
}


def from_environment() -> Any:
    """Return the sampler that `OTEL_TRACES_SAMPLER` names: one of ours, or another package's by its entry point.

    A name or argument that cannot be used leads to a line, and to `UNSET` or the rate 1.
    """
    name = os.environ.get("OTEL_TRACES_SAMPLER", "").strip().lower()
    if not name:
        return UNSET
    if name in _FIXED:
        return _FIXED[name]
    if name == "traceidratio":
        return TraceIdRatio(_rate())
    if name == "parentbased_traceidratio":
        return ParentBased(TraceIdRatio(_rate()))
    return _from_entry_point(name)


def _rate() -> float:
    text = os.environ.get("OTEL_TRACES_SAMPLER_ARG", "").strip()
    if not text:
        return 1.0
    with suppress(ValueError):
        if 0.0 <= (rate := float(text)) <= 1.0:
            return rate
    diagnostics.say(
        f"OTEL_TRACES_SAMPLER_ARG is {text[:200]!r}; allowed: a number from 0 to 1; used instead: 1 (all traces)"
    )
    return 1.0


def _from_entry_point(name: str) -> Any:
    """Load a sampler as the SDK's configuration does: the entry point makes one of `OTEL_TRACES_SAMPLER_ARG`."""
    from importlib.metadata import entry_points

    try:
        found = next(iter(entry_points(group="opentelemetry_traces_sampler", name=name)), None)
        if found is None:
            raise LookupError("there is no such sampler, and no package that is installed brings it")  # noqa: TRY301
        sampler = found.load()(os.environ.get("OTEL_TRACES_SAMPLER_ARG"))
        if not callable(getattr(sampler, "should_sample", None)):
            raise TypeError(f"{type(sampler).__qualname__} is not a sampler")  # noqa: TRY301
    except Exception as error:
        # Whatever another package does must not stop the app.
        diagnostics.say(
            f"OTEL_TRACES_SAMPLER is {name[:200]!r}, which cannot be used ({error}); used instead: all traces"
        )
        return UNSET
    return sampler
