# SPDX-License-Identifier: Apache-2.0
"""The proxy is the one that requests would take."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.utils import get_environ_proxies, select_proxy

from dbx_otel.delivery.transport.proxies import proxy_for

URLS = ["http://collector:4318/v1/traces", "https://otel.corp.example/otlp", "http://10.1.2.3:4318/x",
        "https://[::1]:4318/x", "http://localhost:4318"]  # fmt: skip
PROXIES = ["http://proxy:3128", "https://user:pw@proxy:3128", ""]
EXCEPTIONS = ["", "*", "collector", "collector:4318", "collector:9", ".corp.example", "corp.example", "example",
              "10.0.0.0/8", "10.1.2.3", "10.1.2.4", "192.168.0.0/16", " localhost , otel.corp.example", "10.1.2.3/33",
              "ple", ".", ",,", "OTEL.corp.EXAMPLE"]  # fmt: skip


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@given(
    st.sampled_from(URLS),
    st.fixed_dictionaries(
        {},
        optional={
            "http_proxy": st.sampled_from(PROXIES),
            "HTTPS_PROXY": st.sampled_from(PROXIES),
            "ALL_PROXY": st.sampled_from(PROXIES),
            "HTTP_PROXY": st.sampled_from(PROXIES),
        },
    ),
    st.lists(st.sampled_from(EXCEPTIONS), max_size=3),
    st.sampled_from(["no_proxy", "NO_PROXY"]),
)
def test_as_requests_chooses(url: str, proxies: dict[str, str], exceptions: list[str], variable: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**proxies, variable: ",".join(exceptions)}.items():
            patch.setenv(name, value)
        assert proxy_for(url) == (select_proxy(url, get_environ_proxies(url)) or None)


@pytest.mark.parametrize(
    ("url", "exception"),
    [
        ("http://10.1.2.3:4318/", "10.1.2.3:4318"),
        ("http://[fd00::1]:4318/", "fd00::/8"),
        ("http://collector:4318/", ".collector:4318"),
    ],
)
def test_also_excepted(url: str, exception: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    assert proxy_for(url) == "http://proxy:3128"
    monkeypatch.setenv("NO_PROXY", exception)
    assert proxy_for(url) is None


def test_a_proxy_without_a_scheme_speaks_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "proxy:3128")
    assert proxy_for("http://collector/") == "http://proxy:3128"
