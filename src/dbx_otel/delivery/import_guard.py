# SPDX-License-Identifier: Apache-2.0
"""Imports of our threads that a fork waits for.

A module that one thread is importing stays locked for ever in a child that another thread forks meanwhile; an app that
imports it there, as it does with urllib3, would hang.
"""

# Before this module: what is registered last is called first at a fork. One that already held the lock of `logging`,
# which many modules take when they are imported, would wait for them in vain.
import logging  # noqa: F401 -- as above
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dbx_otel.delivery import native

_LONGEST_WAIT = 15.0
"""Seconds that a fork waits at most. Imports take a tenth of one, but many times that on a busy machine."""

_lock = native.RLock()


@contextmanager
def importing() -> Iterator[None]:
    """Keep forks of other threads waiting while modules are imported. May be nested."""
    with _lock:
        yield


def _before_fork() -> None:
    _lock.acquire(timeout=_LONGEST_WAIT)


def _after_fork_in_parent() -> None:
    with suppress(RuntimeError):  # waited in vain
        _lock.release()


def _after_fork_in_child() -> None:
    global _lock  # noqa: PLW0603 -- the old one is as it was when the process was forked
    _lock = native.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
