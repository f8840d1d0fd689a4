# SPDX-License-Identifier: Apache-2.0
"""Tornado: each request in a context of its own, and attributes of the server span that are right."""

import sys
from functools import wraps
from types import ModuleType
from typing import Any

from opentelemetry.propagators.textmap import default_getter

from dbx_otel import identity
from dbx_otel.instrumentation.request_attributes import correct_request_attributes


def instrument(module: ModuleType) -> None:
    """Correct the attributes that server spans are given, and wrap the execution of handlers.

    Args:
        module: `opentelemetry.instrumentation.tornado`.
    """
    correct_request_attributes(
        module,
        default_getter,
        function="_get_attributes_from_request",
        carrier=lambda request: request.headers,
    )
    handler = sys.modules["tornado.web"].__dict__["RequestHandler"]
    execute = handler._execute  # noqa: SLF001 -- the one coroutine that a request is

    @wraps(execute)
    async def serve(self: Any, *args: Any, **kwargs: Any) -> Any:
        with identity.serving():
            return await execute(self, *args, **kwargs)

    handler._execute = serve  # noqa: SLF001 -- as above
