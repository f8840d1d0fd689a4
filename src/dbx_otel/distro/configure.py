# SPDX-License-Identifier: Apache-2.0
"""The order in which the distribution is put together; each step is a module of its own."""

import os
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource

from dbx_otel import diagnostics, settings
from dbx_otel.delivery import exiting
from dbx_otel.distro import logs, metrics, on_demand, propagation, threads, traces
from dbx_otel.distro.destinations import destinations, is_switched_off
from dbx_otel.distro.resource import build_resource
from dbx_otel.identity import policy
from dbx_otel.logs import pipeline

T = TypeVar("T")

_VARIABLES = {
    "traces": ("OTEL_BSP_", "OTEL_TRACES_", "OTEL_SPAN_"),
    "metrics": ("OTEL_METRIC_", "OTEL_METRICS_"),
    "log records over OTLP": ("OTEL_BLRP_", "OTEL_LOGRECORD_"),
}
"""How the variables begin that the SDK reads for a signal."""


def configure() -> None:
    """Set up the three signals, identity and the flush at exit, from settings and environment."""
    configured, problems = settings.load()
    decided, identity_problems = policy.decide(configured)
    for problem in (*problems, *identity_problems):
        diagnostics.say(problem.text)
    if is_switched_off():
        return
    resource = build_resource(configured)
    found, notes = destinations(configured)
    for note in notes:
        diagnostics.say(note)
    _apart("identity and trace context of requests", partial(propagation.configure, decided))
    flushes: list[tuple[str, exiting.Flush]] = []
    flushes += _apart("traces", partial(traces.configure, resource, found)) or []
    flushes += _apart("metrics", partial(metrics.configure, resource, found)) or []
    flushes += _apart("log records over OTLP", partial(logs.configure, resource, found)) or []
    _apart("threads that follow a request", threads.follow_context)
    on_demand.attach()
    _say_resource_in_log_lines(resource)
    exiting.install(flushes, configured.exit_deadline)


def _apart(what: str, set_up: Callable[[], T]) -> T | None:
    """Set one thing up; where that fails the others go on, and a line says what to do."""
    try:
        return set_up()
    except Exception as error:
        suspects = [name for name in sorted(os.environ) if name.startswith(_VARIABLES.get(what, ()))]
        given = ", ".join(f"{name}={os.environ[name][:100]!r}" for name in suspects)
        remedy = f"look at {given}" if given else "report this with what `dbx-otel-run --explain` shows"
        why = f"{type(error).__name__}: {str(error).rstrip('.')}"
        diagnostics.say(f"{what} are off, everything else goes on: {why}. Remedy: {remedy}")
        return None


def _say_resource_in_log_lines(resource: Resource) -> None:
    pipeline.set_resource(_texts(resource))

    def of_child() -> None:
        # The SDK gives a forked child an instance id of its own, and has done so when this is called.
        provider = trace.get_tracer_provider()
        pipeline.set_resource(_texts(getattr(provider, "resource", resource)))

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=of_child)


def _texts(resource: Resource) -> dict[str, str]:
    return {name: str(value) for name, value in resource.attributes.items()}
