# SPDX-License-Identifier: Apache-2.0
"""An app in which work is easily taken for somebody else's."""

import logging
import queue
import threading

from fastapi import FastAPI
from opentelemetry import propagate, trace

log = logging.getLogger("app")
app = FastAPI()
jobs: queue.Queue[tuple[str, threading.Event]] = queue.Queue()
workers: list[threading.Thread] = []


@app.get("/message/{tag}")
def message(tag: str) -> str:
    """Read a message of a queue, whose producer claims to be somebody."""
    claimed = propagate.extract({"x-forwarded-email": "boss@example.com", "x-forwarded-user": "1@1"})
    with trace.get_tracer("app").start_as_current_span(f"message {tag}", context=claimed):
        log.info("message %s", tag)
    return tag


@app.get("/job/{tag}")
def job(tag: str) -> str:
    """Hand work to a thread that the first request of all starts."""
    if not workers:
        workers.append(threading.Thread(target=work_off_jobs, daemon=True))
        workers[0].start()
    done = threading.Event()
    jobs.put((tag, done))
    done.wait(5)
    return tag


def work_off_jobs() -> None:
    while True:
        tag, done = jobs.get()
        log.info("job %s", tag)
        done.set()


class Runner(threading.Thread):
    def __init__(self, tag: str) -> None:
        super().__init__()
        self.tag = tag

    def run(self) -> None:
        log.info("runner %s", self.tag)


@app.get("/runner/{tag}")
def runner(tag: str) -> str:
    thread = Runner(tag)
    thread.start()
    thread.join()
    return tag


@app.get("/path/{rest:path}")
def path(rest: str) -> str:
    log.info("path %s", rest)
    return rest


if __name__ == "__main__":
    import os

    import uvicorn

    with trace.get_tracer("app").start_as_current_span("main"):
        uvicorn.run(app, port=int(os.environ["PORT"]))
