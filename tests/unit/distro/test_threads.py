# SPDX-License-Identifier: Apache-2.0
"""Work handed to threads is done in the context of who has handed it in; in a process of its own, as classes change."""

import subprocess
import sys

import pytest

HEAD = """
import sys, threading
from dbx_otel.distro import threads
from dbx_otel import identity
from opentelemetry import context
threads.follow_context()
def current():
    return context.get_value("who")
def attached(who):
    return context.attach(context.set_value("who", who))
seen = []
"""

CASES = {
    "thread": """
token = attached("ada")
thread = threading.Thread(target=lambda: seen.append(current()))
context.detach(token)
token = attached("bob")
thread.start(); thread.join()
assert seen == ["bob"], seen
""",
    "thread with a run of its own": """
class Runner(threading.Thread):
    def run(self):
        seen.append(current())
attached("ada")
runner = Runner(); runner.start(); runner.join()
assert seen == ["ada"], seen
""",
    "timer": """
attached("ada")
timer = threading.Timer(0.01, lambda: seen.append(current()))
timer.start(); timer.join()
assert seen == ["ada"], seen
""",
    "thread of a thread": """
def outer():
    inner = threading.Thread(target=lambda: seen.append(current()))
    inner.start(); inner.join()
attached("ada")
thread = threading.Thread(target=outer); thread.start(); thread.join()
assert seen == ["ada"], seen
""",
    "pool": """
assert "concurrent.futures.thread" not in sys.modules
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(1)
token = attached("ada")
pool.submit(lambda: seen.append(current())).result()
context.detach(token)
token = attached("bob")
assert pool.submit(lambda a, *, b: (current(), a, b), 1, b=2).result() == ("bob", 1, 2)
context.detach(token)
pool.submit(lambda: seen.append(current())).result()
assert list(pool.map(lambda number: (number, current()), [1])) == [(1, None)]
assert seen == ["ada", None], seen
""",
    "failures in a pool": """
from concurrent.futures import ThreadPoolExecutor
def fail():
    raise LookupError("here")
attached("ada")
future = ThreadPoolExecutor(1).submit(fail)
assert isinstance(future.exception(), LookupError)
try:
    ThreadPoolExecutor(1).submit()
except TypeError:
    seen.append("told")
assert seen == ["told"]
""",
    "context variables of asyncio": """
import asyncio
async def main():
    attached("ada")
    assert await asyncio.to_thread(current) == "ada"
    assert await asyncio.get_running_loop().run_in_executor(None, current) == "ada"
asyncio.run(main())
""",
    "a thread that outlives its request works for nobody": """
go, done = threading.Event(), threading.Event()
def work():
    seen.append(identity.current() is not None)
    go.wait(5)
    seen.append(identity.current() is not None)
    done.set()
with identity.serving():
    token = context.attach(identity.with_identity(identity.Identity("proxy_header")))
    threading.Thread(target=work).start()
    while not seen:
        pass
    context.detach(token)
go.set(); done.wait(5)
assert seen == [True, False], seen
""",
    "attached once": """
start = threading.Thread.start
threads.follow_context()
assert threading.Thread.start is start
""",
    "nothing that costs is imported": """
dear = ("wrapt", "opentelemetry.instrumentation", "opentelemetry.sdk")
assert not [name for name in sys.modules if name.startswith(dear)]
""",
}


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", HEAD + code], capture_output=True, text=True, check=False, env=environment
    )


@pytest.mark.parametrize("code", CASES.values(), ids=CASES)
def test_the_context_is_followed(code: str) -> None:
    done = run(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("variable", ["DBX_OTEL_DISABLED_INSTRUMENTATIONS", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"])
def test_it_can_be_switched_off(variable: str) -> None:
    done = run(
        "assert not hasattr(threading.Thread.start, '__wrapped__')",
        **{variable: "threading"},
    )
    assert done.returncode == 0, done.stderr
