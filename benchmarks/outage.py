# SPDX-License-Identifier: Apache-2.0
"""An outage of the collector, counted: what a process produces before, during and after it, and what arrives.

    python -m benchmarks.outage                            60 s without a collector, at 20 requests a second
    python -m benchmarks.outage --seconds 600 --rate 50

A request is a server span with a person's identity, a log record, and now and then a security record. The collector
stands on 127.0.0.1 in a process of its own, which ends and begins anew.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from multiprocessing.connection import Connection
from typing import Any

from dbx_otel.delivery.delivery import Delivery
from dbx_otel.delivery.spool import Spool
from dbx_otel.delivery.transport import Destination, Endpoint
from tests.support import records
from tests.support.stand_in import StandIn

_SECURITY_EVERY = 20
_BUFFER = 32 * 2**20


def collector(orders: Connection) -> None:
    """Be a collector: `away` and `back` are done, `counts` is answered."""
    stand_in = StandIn()
    orders.send(stand_in.url)
    while (order := orders.recv()) != "end":
        if order == "away":
            stand_in.go_away()
        elif order == "back":
            stand_in.come_back()
        got = stand_in.got
        security = [record.body.string_value for record in got.logs if record.event_name]
        orders.send(
            {
                "spans": len({span.span_id for span in got.spans}),
                "log records": len({record.body.string_value for record in got.logs if not record.event_name}),
                "security records": len(set(security)),
                "twice": len(got.spans) - len({span.span_id for span in got.spans}),
                "wire bytes": sum(got.sizes.values()),
            }
        )


def produce(delivery: Delivery, seconds: float, rate: float, produced: dict[str, int]) -> None:
    """Make requests at a rate, for some seconds."""
    begin = time.monotonic()
    for number in range(int(seconds * rate)):
        time.sleep(max(0.0, begin + number / rate - time.monotonic()))
        request = produced["spans"]
        delivery.offer_span(records.server_span(request))
        delivery.offer_log(records.log(f"GET /orders/{request} for {request * 7919 % 10007} took {request % 97} ms"))
        produced["spans"] += 1
        produced["log records"] += 1
        if request % _SECURITY_EVERY == 0:
            delivery.offer_log(records.security_log(f"denied {request}"))
            produced["security records"] += 1


def memory() -> float:
    """Return the most memory this process has taken, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def wait_until_sent(delivery: Delivery, seconds: float) -> float:
    """Wait until nothing waits any more, and return how long that took."""
    begin = time.monotonic()
    while delivery.left() and time.monotonic() - begin < seconds:
        time.sleep(0.1)
    return time.monotonic() - begin


def run(orders: Connection, seconds: float, rate: float, folder: str) -> dict[str, Any]:
    """Produce, have the collector go and come, and return what was counted."""
    url = orders.recv()
    endpoints: Any = {signal: Endpoint(f"{url}/v1/{signal}") for signal in ("traces", "logs", "metrics")}
    delivery = Delivery([Destination(url, endpoints)], buffer_max_bytes=_BUFFER, spool=Spool(folder, _BUFFER))
    produced = {"spans": 0, "log records": 0, "security records": 0}
    produce(delivery, 20, rate, produced)
    before = memory()
    orders.send("away")
    orders.recv()
    produce(delivery, seconds, rate, produced)
    ring = delivery.health.senders[0].ring
    held, batches, after = ring.size, len(ring.batches()), memory()
    orders.send("back")
    orders.recv()
    produce(delivery, 20, rate, produced)
    drained = wait_until_sent(delivery, 60)
    orders.send("counts")
    found = orders.recv()
    lost = {signal: delivery.health.lost(signal) for signal in ("traces", "logs")}
    delivery.close()
    return {
        "produced": produced,
        "arrived": found,
        "given up": lost,
        "held at the end of the outage, bytes": held,
        "batches": batches,
        "memory, MiB": (round(before, 1), round(after, 1)),
        "sent within, s": round(drained, 1),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description="an outage of the collector, counted")
    arguments.add_argument("--seconds", type=float, default=60.0, help="how long the collector is away")
    arguments.add_argument("--rate", type=float, default=20.0, help="requests a second")
    chosen = arguments.parse_args()
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=collector, args=(theirs,), daemon=True)
    process.start()
    with tempfile.TemporaryDirectory() as folder:
        result = run(ours, chosen.seconds, chosen.rate, folder)
    ours.send("end")
    process.join(10)
    for name, value in result.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
