# SPDX-License-Identifier: Apache-2.0
"""What every test app does for a request: logs and spans, here, in threads and in tasks that work for it."""

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

from opentelemetry import trace

log = logging.getLogger("app")
pool = ThreadPoolExecutor(4)


def step(tag: str, where: str) -> None:
    with trace.get_tracer("app").start_as_current_span(f"{where} {tag}"):
        log.info("%s %s", where, tag)


def work(tag: str) -> str:
    step(tag, "handler")
    pool.submit(step, tag, "pool").result()
    thread = threading.Thread(target=step, args=(tag, "thread"))
    thread.start()
    thread.join()
    return tag


async def async_work(tag: str) -> str:
    step(tag, "handler")
    await asyncio.create_task(_task(tag))
    await asyncio.to_thread(step, tag, "to_thread")
    await asyncio.get_running_loop().run_in_executor(pool, step, tag, "pool")
    return tag


async def _task(tag: str) -> None:
    await asyncio.sleep(0.001)
    step(tag, "task")
