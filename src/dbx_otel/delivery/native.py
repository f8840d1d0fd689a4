# SPDX-License-Identifier: Apache-2.0
"""Threads and locks as they were when this was imported, which is before the first of them is needed.

gevent puts greenlets in the place of both (`monkey.patch_all`), at times after we have begun: a lock of the one kind
does not wake a thread of the other, and what waits for it waits for ever.
"""

from _thread import RLock, allocate_lock, start_new_thread

__all__ = ["RLock", "allocate_lock", "start_new_thread"]
