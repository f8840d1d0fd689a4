# SPDX-License-Identifier: Apache-2.0
"""The order in which the distribution is put together; each step is a module of its own."""

from collections.abc import Callable
from functools import partial
from importlib import import_module

from dbx_otel import diagnostics, settings
from dbx_otel.delivery import exiting
from dbx_otel.distro import on_demand, propagation, threads
from dbx_otel.distro.apart import apart
from dbx_otel.distro.destinations import is_switched_off
from dbx_otel.identity import policy
from dbx_otel.settings import Pipeline, Settings

Configure = Callable[[Settings], tuple[list[tuple[str, exiting.Flush]], exiting.Left | None]]


def configure() -> None:
    """Set up identity, the three signals and the flush at exit, from settings and environment."""
    configured, problems = settings.load()
    decided, identity_problems = policy.decide(configured)
    for problem in (*problems, *identity_problems):
        diagnostics.say(problem.text)
    if is_switched_off():
        return
    apart("identity and trace context of requests", partial(propagation.configure, decided))
    flushes, left = _pipeline(configured.pipeline)(configured)
    apart("threads that follow a request", threads.follow_context)
    on_demand.attach()
    exiting.install(flushes, configured.exit_deadline, left)


def _pipeline(chosen: Pipeline) -> Configure:
    """Return what sets the signals up; the other pipeline is not imported."""
    module = import_module(f"dbx_otel.distro.{'sdk' if chosen is Pipeline.SDK else 'light'}")
    found: Configure = module.configure
    return found
