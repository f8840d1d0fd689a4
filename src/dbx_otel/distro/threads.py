# SPDX-License-Identifier: Apache-2.0
"""Threads that work for a request do so in its context, and hence under its identity, as long as it lasts."""

import threading
from functools import wraps
from typing import Any

from opentelemetry import context
from opentelemetry.instrumentation.threading import ThreadingInstrumentor

from dbx_otel import identity
from dbx_otel.instrumentation import lifecycle

_CONTEXT = "_dbx_otel_context"
_NOTHING = context.Context()


def follow_context() -> None:
    """Carry the context into threads, timers and thread pools; tasks and `asyncio.to_thread` carry it by themselves."""
    instrumentor = ThreadingInstrumentor()
    if lifecycle.disables("threading") or instrumentor.is_instrumented_by_opentelemetry:
        return
    instrumentor.instrument()
    _follow_into_threads(threading.Thread)


def _follow_into_threads(thread: Any) -> None:
    """Do for every thread what OpenTelemetry's instrumentation does for those that have no `run` of their own."""
    start, run_all = thread.start, thread._bootstrap_inner  # noqa: SLF001 -- around `run`, whoever defines it

    @wraps(start)
    def start_following(self: Any) -> None:
        bound = identity.for_thread(context.get_current())
        setattr(self, _CONTEXT, bound)
        token = context.attach(bound)
        try:
            start(self)
        finally:
            context.detach(token)

    @wraps(run_all)
    def run_following(self: Any) -> None:
        bound: Any = getattr(self, _CONTEXT, _NOTHING)
        token = context.attach(bound)
        try:
            run_all(self)
        finally:
            context.detach(token)

    thread.start = start_following
    thread._bootstrap_inner = run_following  # noqa: SLF001 -- as above
