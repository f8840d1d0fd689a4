# SPDX-License-Identifier: Apache-2.0
"""OTLP over HTTP by a `requests.Session` that a credential provider gives: it signs each request as it likes."""

from typing import Any

import requests

from dbx_otel.delivery.batch import Batch
from dbx_otel.delivery.outcome import Outcome
from dbx_otel.delivery.transport import answers
from dbx_otel.delivery.transport.credentials import provided
from dbx_otel.delivery.transport.destination import Endpoint
from dbx_otel.delivery.transport.http import body_of, request_of


class SessionSender:
    """Sends batches by the sessions of credential providers.

    What such a session does is its own: its timeouts begin anew with each byte that comes.
    """

    def __init__(self) -> None:
        self._sessions: dict[str, requests.Session] = {}

    def send(self, endpoint: Endpoint, batch: Batch, timeout: float) -> Outcome:
        """Send a batch; raises what requests and the provider raise.

        Args:
            endpoint: Where to.
            batch: What.
            timeout: Seconds to wait for a connection, and for each part of the answer.
        """
        _, headers = request_of(endpoint)
        answer = self._session(endpoint).post(
            endpoint.url,
            data=body_of(endpoint, batch),
            headers=headers,
            timeout=timeout,
            allow_redirects=False,
            stream=True,
            verify=endpoint.certificate or None,
            cert=_certificate(endpoint),
        )
        with answer:
            return answers.of_http(answer.status_code, answer.headers, _body(answer), batch.count)

    def close(self) -> None:
        """Close all connections."""
        for session in list(self._sessions.values()):
            session.close()

    def _session(self, endpoint: Endpoint) -> requests.Session:
        name = endpoint.credential_provider or ""
        if name not in self._sessions:
            self._sessions[name] = provided(name, requests.Session)
        return self._sessions[name]


def _certificate(endpoint: Endpoint) -> Any:
    if endpoint.client_certificate and endpoint.client_key:
        return endpoint.client_certificate, endpoint.client_key
    return endpoint.client_certificate


def _body(answer: requests.Response) -> bytes:
    try:
        body: bytes = answer.raw.read(answers.LARGEST, decode_content=False)
        if len(body) < answers.LARGEST:
            return body
    except Exception:
        # The status stands, whether the rest can be read or not.
        return b""
    answer.raw.close()
    return body
