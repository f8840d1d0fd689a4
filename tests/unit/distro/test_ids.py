# SPDX-License-Identifier: Apache-2.0
import os
import random

import pytest
from opentelemetry.sdk.trace import TracerProvider

from dbx_otel.distro.ids import PrivateIdGenerator
from tests.support.forking import exit_status_of_child

GENERATOR = PrivateIdGenerator()


def both() -> tuple[int, int]:
    return GENERATOR.generate_trace_id(), GENERATOR.generate_span_id()


def test_a_seed_does_not_repeat_them() -> None:
    random.seed(7)
    first = both()
    random.seed(7)
    assert set(first).isdisjoint(both())


def test_a_fork_does_not_repeat_them() -> None:
    reader, writer = os.pipe()
    assert exit_status_of_child(lambda: os.write(writer, repr(both()).encode()) > 0) == 0
    child = os.read(reader, 1000).decode()
    os.close(reader)
    os.close(writer)
    assert child != repr(both())
    assert child.startswith("(")


def test_they_are_in_range_and_not_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [bytes(16), b"\0" * 15 + b"\x01", bytes(8), b"\xff" * 8]

    def urandom(size: int) -> bytes:
        answer = answers.pop(0)
        assert len(answer) == size
        return answer

    monkeypatch.setattr(os, "urandom", urandom)
    assert both() == (1, 2**64 - 1)


def test_many_are_all_different_and_fill_the_range() -> None:
    traces = [GENERATOR.generate_trace_id() for _ in range(2000)]
    spans = [GENERATOR.generate_span_id() for _ in range(2000)]
    assert len({*traces, *spans}) == 4000
    assert max(traces).bit_length() == 128
    assert max(spans).bit_length() == 64


def test_trace_flags_say_that_ids_are_random() -> None:
    provider = TracerProvider(id_generator=GENERATOR, shutdown_on_exit=False)
    assert provider.get_tracer("t").start_span("s").get_span_context().trace_flags & 0x02
