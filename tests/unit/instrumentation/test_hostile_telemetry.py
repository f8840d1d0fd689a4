# SPDX-License-Identifier: Apache-2.0
"""Whatever raises in a span, a tracer or an instrument, no request and no call of the app's is touched by it."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_app_is_served_as_without_telemetry(seed: str) -> None:
    script = Path(__file__).with_name("hostile_telemetry.py")
    done = subprocess.run([sys.executable, script, seed], capture_output=True, text=True, check=False, env={})
    assert done.returncode == 0, done.stderr
    raised = "raised: add end get_span_context record record_exception set_attribute set_status start_span update_name"
    assert done.stdout == f"{raised}\n"
