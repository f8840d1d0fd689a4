# SPDX-License-Identifier: Apache-2.0
"""A plain script: makes N spans and log records, then ends in the way it is told."""

import logging
import os
import sys
import time

from opentelemetry import trace

logging.basicConfig(level=logging.INFO)
log = logging.getLogger("script")
number, ending = int(sys.argv[1]), sys.argv[2]

for index in range(number):
    with trace.get_tracer("app").start_as_current_span(f"step {index}"):
        log.info("step %s", index)
print("done", flush=True)

if ending == "exit":
    sys.exit(3)
if ending == "raise":
    raise RuntimeError("as told")
if ending == "handler":
    import signal

    def handler(signum: int, frame: object) -> None:
        log.info("handled")
        print("handled by the app", flush=True)
        sys.exit(7)

    signal.signal(signal.SIGTERM, handler)
if ending == "fork":
    import multiprocessing

    def child() -> None:
        with trace.get_tracer("app").start_as_current_span("in the child"):
            log.info("in the child")

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
if ending in {"wait", "handler"}:
    print("ready", os.getpid(), flush=True)
    time.sleep(60)
