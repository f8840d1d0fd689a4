# SPDX-License-Identifier: Apache-2.0
"""A fork, as servers make their workers."""

import os
import signal
import sys
import warnings
from collections.abc import Callable


def exit_status_of_child(work: Callable[[], bool]) -> int:
    """Fork, have the child do something, and return its exit status: 0 where that returned true."""
    sys.stdout.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads: that is the case that is tested
        pid = os.fork()
    if pid == 0:
        status = 2
        signal.alarm(20)  # a child that waits for what its parent's threads held waits for ever
        try:
            status = 0 if work() else 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
