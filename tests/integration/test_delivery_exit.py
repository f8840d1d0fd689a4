# SPDX-License-Identifier: Apache-2.0
"""The end of real processes: what is queued is sent within the deadline, whatever the collector does; nothing is said
to be lost that is on disk."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.launched import ROOT
from tests.support.stand_in import StandIn, eventually, stand_in

APP = """
import os, signal, sys, threading, time
from dbx_otel.delivery import exiting, sigterm
from dbx_otel.delivery.delivery import Delivery
from dbx_otel.delivery.spool import Spool
from dbx_otel.delivery.transport import Destination, Endpoint
from tests.support import records

urls, folder, deadline = sys.argv[1].split(","), sys.argv[2], float(sys.argv[3])
signals = ("traces", "logs", "metrics")
destinations = [Destination(url, {name: Endpoint(f"{url}/v1/{name}") for name in signals}) for url in urls]
delivery = Delivery(destinations, buffer_max_bytes=1 << 25, spool=Spool(folder, 1 << 24))
exiting.install(delivery.flushes(), deadline, delivery.left)

def work(first=0, count=20):
    for number in range(first, first + count):
        delivery.offer_span(records.span(f"span {number}"))
        delivery.offer_log(records.log(f"line {number}"))
        delivery.offer_log(records.security_log(f"denied {number}"))
"""

PATHS = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])

SPANS = [f"span {number}" for number in range(20)]
LINES = [f"line {number}" for number in range(20)]
DENIED = [f"denied {number}" for number in range(20)]


@pytest.fixture
def collector() -> Iterator[StandIn]:
    with stand_in() as made:
        yield made


@contextmanager
def begin(code: str, *urls: str, spool: Path, deadline: float = 5.0) -> Iterator[subprocess.Popen[str]]:
    late = {f"OTEL_{kind}_SCHEDULE_DELAY": "3600000" for kind in ("BSP", "BLRP")}
    with subprocess.Popen(
        [
            sys.executable,
            "-W",
            "ignore::DeprecationWarning",
            "-c",
            APP + code,
            ",".join(urls),
            str(spool),
            str(deadline),
        ],
        env={**os.environ, **late, "PYTHONPATH": PATHS, "DBX_OTEL_RUN_SAID": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(code: str, *urls: str, spool: Path, deadline: float = 5.0) -> tuple[int, str, float]:
    """Run it and return exit status, standard error, and the seconds from `print` to the end."""
    with begin(code, *urls, spool=spool, deadline=deadline) as process:
        assert process.stdout is not None
        process.stdout.readline()
        since = time.monotonic()
        _, err = process.communicate(timeout=30)
        return process.returncode, err, time.monotonic() - since


DONE = "work()\nprint(flush=True)\n"
TERM = DONE + "os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)"


@pytest.mark.parametrize(("code", "status"), [(DONE, 0), (TERM, -signal.SIGTERM)], ids=["last line", "SIGTERM"])
def test_everything_is_sent_at_the_end(collector: StandIn, tmp_path: Path, code: str, status: int) -> None:
    done, err, seconds = run(code, collector.url, spool=tmp_path)
    assert (done, err) == (status, "")
    assert seconds < 3
    assert collector.got.span_names == SPANS
    assert sorted(collector.got.bodies) == sorted(LINES + DENIED)
    assert list(tmp_path.glob("*.spool")) == [] or all(file.stat().st_size < 64 for file in tmp_path.glob("*.spool"))


@pytest.mark.parametrize("how", ["away", "stalls", "drips", "busy"])
@pytest.mark.parametrize("code", [DONE, TERM], ids=["last line", "SIGTERM"])
def test_a_dead_collector_takes_no_more_than_the_deadline_and_security_records_are_sent_by_the_next_start(
    collector: StandIn, tmp_path: Path, how: str, code: str
) -> None:
    if how == "away":
        collector.go_away()
    elif how == "busy":
        collector.status[""] = 503
    else:
        setattr(collector, how, True)
    _, err, seconds = run(code, collector.url, spool=tmp_path, deadline=1.5)
    assert seconds < 2.5
    assert err.count("\n") == 1, err
    assert f"at exit, 20 spans and 40 log records for {collector.url} could not be sent within 1.5 s" in err
    assert (
        "20 security records are kept on disk, and sent by the next start; 20 spans and 20 log records are lost" in err
    )
    with stand_in() as revived:
        run("delivery.offer_span(records.span('hello'))\nprint(flush=True)", revived.url, spool=tmp_path)
        assert sorted(revived.got.bodies) == sorted(DENIED)
        assert revived.got.span_names == ["hello"]
    with stand_in() as again:
        run(DONE, again.url, spool=tmp_path)
        assert sorted(again.got.bodies) == sorted(LINES + DENIED)


def test_a_collector_that_comes_back_within_the_deadline_gets_it_all(collector: StandIn, tmp_path: Path) -> None:
    collector.go_away()
    with begin(DONE, collector.url, spool=tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(1.5)
        collector.come_back()
        _, err = process.communicate(timeout=20)
    assert err == ""
    assert collector.got.span_names == SPANS


def test_a_signal_in_the_middle_of_writing_to_the_spool_holds_up_nothing_but_the_note_of_it(
    collector: StandIn, tmp_path: Path
) -> None:
    code = """
work()
print(flush=True)
with delivery._spool._lock:  # as when SIGTERM comes while a record is written
    os.kill(os.getpid(), signal.SIGTERM)
"""
    _, _, seconds = run(code, collector.url, spool=tmp_path, deadline=2.0)
    assert seconds < 3
    assert collector.got.span_names == SPANS
    assert sorted(collector.got.bodies) == sorted(LINES + DENIED)


def test_a_dead_destination_takes_nothing_from_the_other(collector: StandIn, tmp_path: Path) -> None:
    with stand_in() as dead:
        dead.stalls = True
        _, err, seconds = run(DONE, dead.url, collector.url, spool=tmp_path, deadline=1.5)
        assert seconds < 2.5
        assert collector.got.span_names == SPANS
        assert sorted(collector.got.bodies) == sorted(LINES + DENIED)
        assert f"for {dead.url} could not be sent" in err
        assert collector.url not in err


def test_sigkill_leaves_security_records_to_the_next_start(collector: StandIn, tmp_path: Path) -> None:
    collector.go_away()
    done, _, _ = run(DONE + "os.kill(os.getpid(), signal.SIGKILL)", collector.url, spool=tmp_path)
    assert done == -signal.SIGKILL
    collector.come_back()
    run("work(100, 1)\ntime.sleep(1.5)\nprint(flush=True)", collector.url, spool=tmp_path)
    assert sorted(collector.got.bodies) == sorted([*DENIED, "line 100", "denied 100"])


def test_a_sibling_sends_what_a_killed_one_left(collector: StandIn, tmp_path: Path) -> None:
    with begin("work(100, 1)\nprint(flush=True)\ntime.sleep(60)", collector.url, spool=tmp_path) as sibling:
        assert sibling.stdout is not None
        sibling.stdout.readline()
        with stand_in() as nowhere:
            nowhere.stalls = True
            run(DONE + "os.kill(os.getpid(), signal.SIGKILL)", nowhere.url, spool=tmp_path)
        try:
            assert eventually(lambda: set(DENIED) <= set(collector.got.bodies), 25)
        finally:
            sibling.kill()
    assert len([body for body in collector.got.bodies if body in DENIED]) == len(DENIED)


FORK = """
work(0, 10)
child = os.fork()
if child == 0:
    work(100, 10)
    exiting.flush_at_end()
    os._exit(0)
os.waitpid(child, 0)
work(10, 10)
print(flush=True)
"""


def test_a_forked_child_sends_what_is_its_own_and_the_parent_the_rest(collector: StandIn, tmp_path: Path) -> None:
    _, err, _ = run(FORK, collector.url, spool=tmp_path)
    assert err == ""
    everything = [*range(20), *range(100, 110)]
    assert sorted(collector.got.span_names) == sorted(f"span {number}" for number in everything)
    wanted = [f"{what} {number}" for number in everything for what in ("line", "denied")]
    assert sorted(collector.got.bodies) == sorted(wanted)


def test_children_forked_while_everything_is_under_way_neither_hang_nor_send_twice(
    collector: StandIn, tmp_path: Path
) -> None:
    code = """
delivery._spans.batch_size = delivery._logs.batch_size = 4
children = []
for number in range(12):
    work(number * 100, 10)
    child = os.fork()
    if child == 0:
        import urllib3, requests  # not locked by a thread that the child does not have
        work(number * 100 + 50, 10)
        exiting.flush_at_end()
        os._exit(0)
    children.append(child)
statuses = [os.waitpid(child, 0)[1] for child in children]
print(statuses, flush=True)
"""
    with begin(code, collector.url, spool=tmp_path) as process:
        out, err = process.communicate(timeout=30)
    assert (out.strip(), err) == (str([0] * 12), "")
    everything = [100 * worker + number for worker in range(12) for number in [*range(10), *range(50, 60)]]
    assert sorted(collector.got.span_names) == sorted(f"span {number}" for number in everything)
    assert sorted(body for body in collector.got.bodies if body.startswith("denied")) == sorted(
        f"denied {number}" for number in everything
    )


NO_THREADS_AT_EXIT = """
import atexit
from dbx_otel.delivery import standby

standby.NEEDED = True
exiting._flushes.clear()
exiting.install(delivery.flushes(), deadline, delivery.left)

def refuse(self):
    raise RuntimeError("can't create new thread at interpreter shutdown")

atexit.register(lambda: setattr(threading.Thread, "start", refuse))
"""


@pytest.mark.parametrize("how", ["takes", "drips"])
def test_where_no_thread_starts_at_the_end_as_in_python_3_12(collector: StandIn, tmp_path: Path, how: str) -> None:
    setattr(collector, how, True)
    _, err, seconds = run(NO_THREADS_AT_EXIT + DONE, collector.url, spool=tmp_path, deadline=2.0)
    assert seconds < 3
    if how == "takes":
        assert err == ""
        assert collector.got.span_names == SPANS
        assert sorted(collector.got.bodies) == sorted(LINES + DENIED)
    else:
        assert "20 security records are kept on disk" in err


def test_a_process_that_sends_nothing_loads_nothing(tmp_path: Path) -> None:
    heavy = "print([name for name in ('urllib3', 'requests', 'grpc', 'opentelemetry.sdk') if name in sys.modules])"
    code = APP.replace("from tests.support import records", "") + heavy
    done = subprocess.run(
        [sys.executable, "-c", code, "http://127.0.0.1:9", str(tmp_path), "5"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "PYTHONPATH": PATHS},
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
