# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator

import pytest

from dbx_otel.local.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def otlp(receiver: Receiver) -> dict[str, str]:
    """The environment that sends an app's telemetry to the receiver."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.http_endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }
