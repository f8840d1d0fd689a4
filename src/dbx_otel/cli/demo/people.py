# SPDX-License-Identifier: Apache-2.0
"""Three people, and requests as the Databricks Apps proxy passes them on.

Source of the headers: Databricks documentation, "Access HTTP headers passed to Databricks apps".
"""

import http.client
import uuid
from typing import NamedTuple

WORKSPACE_ID = "6051921418418893"

_TIMEOUT = 20.0


class Person(NamedTuple):
    """Somebody who is signed in at the proxy; the address is of a documentation range (RFC 5737)."""

    user_id: str
    email: str
    name: str
    address: str


class Visit(NamedTuple):
    """A request that somebody makes, and the status it has to get."""

    person: Person
    path: str
    status: int


ADA = Person("7311009224531177", "ada@example.com", "Ada Lovelace", "203.0.113.7")
GRACE = Person("2209461137709254", "grace@example.com", "Grace Hopper", "198.51.100.23")
ALAN = Person("5840127799163042", "alan@example.com", "Alan Turing", "192.0.2.154")

VISITS = (
    Visit(ADA, "/revenue", 200),
    Visit(GRACE, "/orders/1002", 200),
    Visit(ALAN, "/revenue", 403),
)


def proxy_headers(person: Person, request_id: str) -> dict[str, str]:
    """Return what the proxy adds to a request of a signed-in person."""
    return {
        "X-Forwarded-Host": f"orders-{WORKSPACE_ID}.databricksapps.com",
        "X-Forwarded-User": f"{person.user_id}@{WORKSPACE_ID}",
        "X-Forwarded-Email": person.email,
        "X-Forwarded-Preferred-Username": person.name,
        "X-Real-Ip": person.address,
        "X-Request-Id": request_id,
    }


def send(visit: Visit, port: int) -> tuple[str, int]:
    """Make a request of the app on this machine.

    Returns:
        The id of the request and the status of the answer.

    Raises:
        OSError: When the app does not answer.
    """
    request_id = str(uuid.uuid4())
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    try:
        connection.request("GET", visit.path, headers=proxy_headers(visit.person, request_id))
        response = connection.getresponse()
        response.read()
        return request_id, response.status
    finally:
        connection.close()


def curl(visit: Visit, port: int) -> str:
    """Return a command line that makes the request, with the headers that matter, for people to try."""
    headers = proxy_headers(visit.person, "")
    kept = ("X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Preferred-Username", "X-Real-Ip")
    options = "".join(f" \\\n    -H '{name}: {headers[name]}'" for name in kept)
    return f"curl{options} \\\n    http://127.0.0.1:{port}{visit.path}"
