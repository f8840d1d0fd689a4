# SPDX-License-Identifier: Apache-2.0
"""Processes and threads that keep records as fast as they can, and write down each one that is kept.

Arguments: folder of the spool, file of what was done, processes, threads in each. Every third record is acknowledged:
`acknowledging` is written before, `acknowledged` after.
"""

import os
import sys
import threading
import time

from dbx_otel.delivery.spool import Spool

folder, journal, processes, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
done = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
spool = Spool(folder, 1 << 28)


def note(what: str, name: str) -> None:
    os.write(done, f"{what} {name}\n".encode())


def work(thread: int) -> None:
    number = 0
    while True:
        name = f"{os.getpid()}-{thread}-{number}"
        receipt = spool.append(name.encode() + b" " + bytes(number * 37 % 2000))
        assert receipt is not None
        note("kept", name)
        if number % 3 == 0:
            note("acknowledging", name)
            spool.acknowledge([receipt])
            note("acknowledged", name)
        number += 1
        time.sleep(0.0002)


def start() -> None:
    for thread in range(threads):
        threading.Thread(target=work, args=(thread,), daemon=True).start()


start()
for _ in range(processes - 1):
    if os.fork() == 0:
        start()
        break
os.write(1, b"running\n")  # at once, where print writes twice
time.sleep(60)
