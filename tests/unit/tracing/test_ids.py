# SPDX-License-Identifier: Apache-2.0
import os
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, cast

import pytest
from opentelemetry.sdk.trace import TracerProvider

from dbx_otel.tracing import ids
from dbx_otel.tracing.ids import PrivateIdGenerator
from tests.support.forking import exit_status_of_child

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.id_generator import IdGenerator

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


def test_zero_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [0, 1, 0, 0, 2**64 - 1, 3]
    batch = b"".join(number.to_bytes(8, sys.byteorder) for number in numbers)
    monkeypatch.setattr(os, "urandom", lambda _: batch)
    monkeypatch.setattr(ids, "_numbers", iter(()))
    assert both() == (2**64 + 2**64 - 1, 3)


def test_a_batch_is_fetched_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def urandom(size: int) -> bytes:
        asked.append(size)
        return b"\1" * size

    monkeypatch.setattr(os, "urandom", urandom)
    monkeypatch.setattr(ids, "_numbers", iter(()))
    for _ in range(512):
        GENERATOR.generate_span_id()
    assert asked == [512 * 8]
    GENERATOR.generate_span_id()
    assert len(asked) == 2


def test_threads_never_get_the_same() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: [GENERATOR.generate_span_id() for _ in range(2000)], range(8)))
    assert len({one for some in made for one in some}) == 16000


def test_many_are_all_different_and_fill_the_range() -> None:
    traces = [GENERATOR.generate_trace_id() for _ in range(2000)]
    spans = [GENERATOR.generate_span_id() for _ in range(2000)]
    assert len({*traces, *spans}) == 4000
    assert max(traces).bit_length() == 128
    assert max(spans).bit_length() == 64


def test_trace_flags_say_that_ids_are_random() -> None:
    provider = TracerProvider(id_generator=cast("IdGenerator", GENERATOR), shutdown_on_exit=False)
    assert provider.get_tracer("t").start_span("s").get_span_context().trace_flags & 0x02
