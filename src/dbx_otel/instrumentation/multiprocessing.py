# SPDX-License-Identifier: Apache-2.0
"""Forked children of `multiprocessing` end by `os._exit`, past every `atexit` handler: flush before that."""

from functools import wraps
from types import ModuleType
from typing import Any

from dbx_otel.delivery import exiting


def instrument(module: ModuleType) -> None:
    """Flush when a child process has done its work.

    Args:
        module: `multiprocessing.process`.
    """
    process = module.BaseProcess
    original = process._bootstrap  # noqa: SLF001 -- the one place that every start method passes

    @wraps(original)
    def bootstrap(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return original(self, *args, **kwargs)
        finally:
            exiting.flush_at_end()

    process._bootstrap = bootstrap  # noqa: SLF001 -- as above
