# SPDX-License-Identifier: Apache-2.0
"""Apps that call OpenTelemetry's instrumentors themselves, as many guides say: each request has one span, not two."""

import subprocess
import sys
from collections import Counter

import pytest

from dbx_otel.local.receiver import Receiver
from tests.support.launched import APPS, LAUNCHER, ROOT, app_environment

NAMES = ("flask", "requests", "httpx", "urllib3")


def scopes(asked: list[str], **more: str) -> Counter[tuple[str, str]]:
    """Return how many spans of each kind each scope has made."""
    with Receiver() as receiver:
        environment = {**app_environment(), **more, **receiver.environment("http/protobuf")}
        command = [LAUNCHER, sys.executable, "-m", f"{APPS}.by_hand", *asked]
        subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, timeout=60, check=True)
        receiver.store.wait_quiet()
        spans = receiver.store.spans()
    by_id = {span.span_id: span for span in spans}
    for span in spans:
        if span.kind == "server" and span.parent_span_id:
            assert by_id[span.parent_span_id].kind == "client"
    return Counter((span.scope.name, span.kind) for span in spans)


def expected(**by_contrib: bool) -> Counter[tuple[str, str]]:
    def scope(name: str) -> str:
        ours = name != "urllib3" and not by_contrib.get(name)
        return f"{'dbx_otel' if ours else 'opentelemetry'}.instrumentation.{name}"

    clients = Counter({(scope(name), "client"): 2 for name in NAMES if name != "flask"})
    return clients + Counter({(scope("flask"), "server"): 6})


@pytest.mark.parametrize("pipeline", ["light", "sdk"])
def test_hooks_of_ours_where_the_app_asks_for_nothing(pipeline: str) -> None:
    assert scopes([], DBX_OTEL_PIPELINE=pipeline) == expected()


@pytest.mark.parametrize("name", NAMES)
def test_one_that_the_app_asks_for_takes_the_place_of_ours(name: str) -> None:
    assert scopes([name]) == expected(**{name: True})


def test_all_at_once() -> None:
    assert scopes(list(NAMES)) == expected(flask=True, requests=True, httpx=True)


@pytest.mark.parametrize(("asked", "name"), [("flask-app", "flask"), ("httpx-client", "httpx")])
def test_single_apps_and_clients(asked: str, name: str) -> None:
    assert scopes([asked]) == expected(**{name: True})


def test_the_setting_asks_for_them_as_well() -> None:
    assert scopes([], DBX_OTEL_CONTRIB_INSTRUMENTATIONS="*") == expected(flask=True, requests=True, httpx=True)


def test_what_is_switched_off_makes_none() -> None:
    found = scopes([], DBX_OTEL_DISABLED_INSTRUMENTATIONS="requests,urllib3,httpx")
    assert found == {("dbx_otel.instrumentation.flask", "server"): 6}
