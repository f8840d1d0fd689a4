# SPDX-License-Identifier: Apache-2.0
"""Calls by httpx's asynchronous client: what the other one does, and what only tasks do."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from opentelemetry import trace

from tests.comparison import httpx_corpus
from tests.comparison.client_server import Server
from tests.comparison.httpx_corpus import ENVIRONMENT, RULES, Cases, instrument

__all__ = ["ENVIRONMENT", "RULES", "cases", "instrument"]


def _special(run: Callable[[Awaitable[Any]], Any], client: Any, url: str) -> Cases:
    tracer = trace.get_tracer("app")

    async def cancelled() -> None:
        task = asyncio.create_task(client.get(f"{url}/slow"))
        await asyncio.sleep(0.1)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def out_of_time() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.get(f"{url}/slow")

    async def several_at_once() -> None:
        async def one(name: str) -> None:
            with tracer.start_as_current_span(name):
                await client.get(f"{url}/slow")

        await asyncio.gather(one("first"), one("second"), one("third"))

    async def streamed() -> None:
        async with client.stream("GET", f"{url}/stream") as response:
            assert trace.get_current_span() is trace.INVALID_SPAN
            assert [chunk async for chunk in response.aiter_bytes()] == [b"one", b"two"]

    async def streamed_body() -> None:
        async def body() -> Any:
            yield b"one"
            with tracer.start_as_current_span("while it is sent"):
                yield b"two"

        await client.post(url, content=body(), headers={"Content-Length": "6"})

    async def in_a_task() -> None:
        with tracer.start_as_current_span("around"):
            await asyncio.create_task(client.get(url))

    return {
        case.__name__.replace("_", " "): lambda case=case: run(case())  # type: ignore[misc]  # bound now, not later
        for case in (cancelled, out_of_time, several_at_once, streamed, streamed_body, in_a_task)
    }


@contextmanager
def cases() -> Iterator[Cases]:
    """Give the cases."""
    import httpx

    loop = asyncio.new_event_loop()
    run = loop.run_until_complete
    with Server().serving() as server:
        client = httpx.AsyncClient(trust_env=False)

        def call(method: str, url: str, **more: Any) -> object:
            return run(client.request(method, url, **more))

        parts = (httpx_corpus.plain, httpx_corpus.failing, httpx_corpus.in_contexts)
        made = [item for part in parts for item in part(call, server.url).items()]
        made += _special(run, client, server.url).items()
        try:
            yield {name: server.checked(case) for name, case in made}
        finally:
            run(client.aclose())
            loop.close()
