# SPDX-License-Identifier: Apache-2.0
"""Which proxy the environment names for an address, by the rules of requests.

`HTTP_PROXY`, `HTTPS_PROXY` and `ALL_PROXY`, in lower case as well, and `NO_PROXY`: names with what is below them, with
or without a port; addresses; networks (`10.0.0.0/8`); `*`.
"""

import ipaddress
import os
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def proxy_for(url: str) -> str | None:
    """Return the address of the proxy, `None` where there is none.

    Args:
        url: What is to be reached, `http://` or `https://`.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or _is_excepted(host, parts.port) or proxy_bypass(host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_excepted(host: str, port: int | None) -> bool:
    text = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    entries = [entry for entry in text.replace(" ", "").lower().split(",") if entry]
    return any(_names(entry, host, port) for entry in entries)


def _names(entry: str, host: str, port: int | None) -> bool:
    if "/" in entry:
        return _is_in_network(host, entry)
    ways = (host, f"{host}:{port}")
    name = entry.lstrip(".")
    return any(way == name or way.endswith(f".{name}") for way in ways) and bool(name)


def _is_in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
