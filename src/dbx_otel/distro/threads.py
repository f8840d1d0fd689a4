# SPDX-License-Identifier: Apache-2.0
"""Threads that work for a request do so in its context, and hence under its identity, as long as it lasts.

OpenTelemetry's instrumentation of threads does so for those that have no `run` of their own, and brings a library that
takes longer to import than all of this.
"""

import threading
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from opentelemetry import context

from dbx_otel import identity
from dbx_otel.instrumentation import lifecycle
from dbx_otel.instrumentation.post_import import when_imported

_CONTEXT = "_dbx_otel_context"
_NOTHING = context.Context()

_follows = False


def follow_context() -> None:
    """Carry the context into threads, timers and thread pools; tasks and `asyncio.to_thread` carry it by themselves."""
    global _follows  # noqa: PLW0603 -- there is one class of threads
    if _follows or lifecycle.disables("threading"):
        return
    _follows = True
    _follow_into_threads(threading.Thread)
    when_imported("concurrent.futures.thread", _follow_into_pools)


def _follow_into_threads(thread: Any) -> None:
    """Begin every thread, timers included, in the context in which it is started."""
    start, run_all = thread.start, thread._bootstrap_inner  # noqa: SLF001 -- around `run`, whoever defines it

    @wraps(start)
    def start_following(self: Any) -> None:
        setattr(self, _CONTEXT, identity.for_thread(context.get_current()))
        start(self)

    @wraps(run_all)
    def run_following(self: Any) -> None:
        bound: Any = getattr(self, _CONTEXT, _NOTHING)
        _in_context(bound, run_all, self)

    thread.start = start_following
    thread._bootstrap_inner = run_following  # noqa: SLF001 -- as above


def _follow_into_pools(module: ModuleType) -> None:
    """Do each piece of a pool's work in the context in which it is handed in, whoever has started the thread.

    Args:
        module: `concurrent.futures.thread`.
    """
    pool = module.ThreadPoolExecutor
    submit = pool.submit

    @wraps(submit)
    def submit_following(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return submit(self, _in_context, context.get_current(), fn, *args, **kwargs)

    pool.submit = submit_following


def _in_context(bound: context.Context, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    token = context.attach(bound)
    try:
        return call(*args, **kwargs)
    finally:
        context.detach(token)
