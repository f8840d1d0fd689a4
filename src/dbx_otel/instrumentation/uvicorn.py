# SPDX-License-Identifier: Apache-2.0
"""uvicorn ends the process by the very signal that stopped it, past every `atexit` handler: flush before that.

Under gunicorn's UvicornWorker even a SIGTERM handler set early is gone by then, so the end of the server's own run is
the one place that serves all its forms.
"""

from functools import wraps
from types import ModuleType
from typing import Any

from dbx_otel.delivery import exiting


def instrument(module: ModuleType) -> None:
    """Flush after a server has shut down, its last log line included.

    Args:
        module: `uvicorn.server`.
    """
    server = module.Server
    name = "_serve" if hasattr(server, "_serve") else "shutdown"
    original = getattr(server, name)

    @wraps(original)
    async def then_flush(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await original(self, *args, **kwargs)
        finally:
            exiting.flush()

    setattr(server, name, then_flush)
