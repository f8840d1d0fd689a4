# SPDX-License-Identifier: Apache-2.0
"""The person's address over the proxy's, the host without its port, the path as it stands in the URL."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from opentelemetry.instrumentation.wsgi import wsgi_getter

from dbx_otel import identity
from dbx_otel.identity.policy import IdentityPolicy
from dbx_otel.instrumentation.request_attributes import correct_request_attributes
from dbx_otel.settings import IdentityMode

SOCKET = {
    "client.address": "10.1.2.3",
    "client.port": 4711,
    "server.address": "orders.example:8000",
    "server.port": 8000,
}


@pytest.fixture(autouse=True)
def nobody_installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(identity, "_propagator", None)
    yield
    identity._propagator = None


def attributes(request: dict[str, Any], **found: Any) -> dict[str, Any]:
    module = ModuleType("instrumentation")
    module.collect_request_attributes = lambda _, **more: {**SOCKET, **found, **more}  # type: ignore[attr-defined]  # a module's attribute
    correct_request_attributes(module, wsgi_getter)
    environ = {"wsgi.url_scheme": "http", **request}
    corrected: dict[str, Any] = module.collect_request_attributes(environ, more=1)
    assert corrected.pop("more") == 1
    return corrected


def install(mode: IdentityMode = IdentityMode.FULL, *, trusted: bool = True) -> None:
    identity.install(IdentityPolicy(trusted=trusted, mode=mode))


def test_behind_the_proxy_the_client_is_the_person() -> None:
    install()
    found = attributes({"HTTP_X_REAL_IP": "203.0.113.7"})
    assert found == {
        "client.address": "203.0.113.7",
        "server.address": "orders.example",
        "server.port": 8000,
    }


@pytest.mark.parametrize("request_", [{}, {"HTTP_X_REAL_IP": "no address"}])
def test_behind_the_proxy_the_proxy_is_never_the_client(request_: dict[str, str]) -> None:
    install()
    assert "client.address" not in attributes(request_)


def test_switched_off_there_is_no_address() -> None:
    install(IdentityMode.OFF)
    assert "client.address" not in attributes({"HTTP_X_REAL_IP": "203.0.113.7"})


@pytest.mark.parametrize("trusted", [None, False])
def test_elsewhere_the_client_is_the_peer_of_the_socket(trusted: bool | None) -> None:
    if trusted is not None:
        install(trusted=trusted)
    found = attributes({"HTTP_X_REAL_IP": "203.0.113.7"})
    assert (found["client.address"], found["client.port"]) == ("10.1.2.3", 4711)


def test_behind_the_proxy_the_peer_says_nothing() -> None:
    install()
    assert "network.peer.address" not in attributes({}, **{"network.peer.address": "198.51.100.9"})


def test_switched_off_there_is_none_without_a_proxy_either() -> None:
    install(IdentityMode.OFF, trusted=False)
    found = attributes({}, **{"network.peer.address": "198.51.100.9"})
    assert not {"client.address", "client.port", "network.peer.address"} & set(found)


@pytest.mark.parametrize(
    ("script", "path", "expected"),
    [
        ("", "/a/b", "/a/b"),
        ("/app", "/a b", "/app/a%20b"),
        ("", "/žofie".encode().decode("latin-1"), "/%C5%BEofie"),
        ("", "/\x00\n\xff?#", "/%00%0A%FF%3F%23"),
        ("", "/a:b@c;d=e,f", "/a:b@c;d=e,f"),
    ],
)
def test_a_path_that_is_missing_is_added(script: str, path: str, expected: str) -> None:
    assert attributes({"SCRIPT_NAME": script, "PATH_INFO": path})["url.path"] == expected


def test_a_path_that_is_there_stays() -> None:
    assert attributes({"PATH_INFO": "/other"}, **{"url.path": "/raw%20path"})["url.path"] == "/raw%20path"


def test_a_module_without_the_function_is_told() -> None:
    with pytest.raises(AttributeError):
        correct_request_attributes(ModuleType("newer"), wsgi_getter)
