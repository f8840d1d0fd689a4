# SPDX-License-Identifier: Apache-2.0
"""The order in which the distribution is put together; each step is a module of its own."""

import os

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource

from dbx_otel import diagnostics, settings
from dbx_otel.delivery import exiting
from dbx_otel.distro import logs, metrics, on_demand, propagation, threads, traces
from dbx_otel.distro.destinations import destinations
from dbx_otel.distro.resource import build_resource
from dbx_otel.identity import policy
from dbx_otel.logs import pipeline


def configure() -> None:
    """Set up the three signals, identity and the flush at exit, from settings and environment."""
    configured, problems = settings.load()
    decided, identity_problems = policy.decide(configured)
    for problem in (*problems, *identity_problems):
        diagnostics.say(problem.text)
    if _is_switched_off():
        return
    resource = build_resource(configured)
    found, notes = destinations(configured)
    for note in notes:
        diagnostics.say(note)
    propagation.configure(decided)
    flushes = [
        *traces.configure(resource, found),
        *metrics.configure(resource, found),
        *logs.configure(resource, found),
    ]
    threads.follow_context()
    on_demand.attach()
    _say_resource_in_log_lines(resource)
    exiting.install(flushes, configured.exit_deadline)


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


def _is_switched_off() -> bool:
    """Honour OpenTelemetry's own switch, and refuse what would be followed only in part."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return True
    file = os.environ.get("OTEL_CONFIG_FILE", "").strip()
    if file:
        diagnostics.say(
            f"OTEL_CONFIG_FILE is {file!r}, which dbx-otel does not follow: it is configured by OTEL_* and DBX_OTEL_* "
            f"variables, which are used instead. Remedy: unset it, or run the app under opentelemetry-instrument"
        )
    return False
