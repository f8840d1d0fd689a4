# SPDX-License-Identifier: Apache-2.0
"""Django's own test clients call handlers in ways of their own: an app's tests pass under the launcher too."""

import subprocess
import sys

from tests.support.launched import LAUNCHER, app_environment

PROGRAM = """
import asyncio
from django.test import AsyncClient, Client
from tests.support.apps import django_app

client = Client()
for _ in range(2):  # a handler loads its middleware during the first
    assert client.get("/async/a").content == b"a"


async def ask() -> None:
    client = AsyncClient()
    for _ in range(2):
        assert (await client.get("/async/b")).content == b"b"


asyncio.run(ask())
print("passed")
"""


def test_djangos_test_clients_work() -> None:
    done = subprocess.run(
        [LAUNCHER, sys.executable, "-c", PROGRAM],
        env=app_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ["passed"], done.stderr
