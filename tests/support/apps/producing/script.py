# SPDX-License-Identifier: Apache-2.0
"""Produces so many times, so many seconds apart, says so, and waits. Arguments: begin of the tags, count, seconds."""

import json
import logging
import sys
import time

from tests.support.apps.producing import produce

prefix, count, interval = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
logging.basicConfig(level=logging.INFO)
for number in range(count):
    print(json.dumps(produce(f"{prefix}-{number}")), flush=True)
    time.sleep(interval)
time.sleep(60)
