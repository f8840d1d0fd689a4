# SPDX-License-Identifier: Apache-2.0
"""A request begins with nothing and ends for the threads that it has started."""

from opentelemetry import context

from dbx_otel import identity
from dbx_otel.identity.context import current, for_thread, request_of, with_identity
from dbx_otel.identity.headers import Forwarded
from dbx_otel.identity.model import from_forwarded
from dbx_otel.settings import IdentityMode

ADA = from_forwarded(Forwarded(email="ada@example.com"), IdentityMode.FULL, None)


def test_a_request_begins_with_nothing_that_was_current() -> None:
    token = context.attach(with_identity(ADA, context.set_value("other", 1)))
    try:
        with identity.serving():
            assert current() is None
            assert context.get_value("other") is None
        assert current() is ADA
    finally:
        context.detach(token)


def test_a_thread_knows_the_person_until_the_request_ends_and_a_task_beyond() -> None:
    with identity.serving():
        # Other propagators hand on a context that knows nothing of the request.
        task = with_identity(ADA, context.Context())
        assert request_of(task) is not None
        thread = for_thread(task)
        assert current(thread) is current(task) is ADA
    assert current(thread) is None
    assert current(task) is ADA


def test_outside_of_a_request_a_thread_keeps_its_context() -> None:
    assert for_thread(context.Context()) == context.Context()
