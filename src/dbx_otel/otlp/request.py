# SPDX-License-Identifier: Apache-2.0
"""Puts encoded records into an export request: grouped by resource, then by instrumentation scope.

The requests of all three signals have the same form (`opentelemetry.proto.collector`): the messages of a resource, in
them those of a scope, in them the records, under the same field numbers.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from dbx_otel.otlp import wire
from dbx_otel.otlp.attributes import AttributeField

Refused = Callable[[Exception], None]
"""Told of each record that is left out, and why."""

SLICE: Final = 32
"""Records encoded without a pause: some 0.15 ms."""

RECORD = wire.tag(2, wire.LENGTH_DELIMITED)
"""Tag of a record in its scope's message."""
_RESOURCE_RECORDS = wire.tag(1, wire.LENGTH_DELIMITED)
_RESOURCE = wire.tag(1, wire.LENGTH_DELIMITED)
_SCOPE_RECORDS = wire.tag(2, wire.LENGTH_DELIMITED)
_SCOPE = wire.tag(1, wire.LENGTH_DELIMITED)
_SCOPE_NAME = wire.tag(1, wire.LENGTH_DELIMITED)
_SCOPE_VERSION = wire.tag(2, wire.LENGTH_DELIMITED)
_SCHEMA_URL = wire.tag(3, wire.LENGTH_DELIMITED)
_RESOURCE_ATTRIBUTES = AttributeField(1)
_SCOPE_ATTRIBUTES = AttributeField(3)


def release_interpreter() -> None:
    """Let other threads run.

    A sleep hands over the interpreter's lock for sure, as the kernel rounds it up (some 60 µs, a third of it processor
    time). What merely gives the lock back takes it again before a waiting thread has woken up.
    """
    time.sleep(0)


def ignore(_error: Exception) -> None:
    """Take no notice of a record that is left out."""


def encode_request(
    records: Iterable[Any],
    encode_record: Callable[[Any], bytes],
    encode_foreign: Callable[[Any], bytes] | None,
    pause: Callable[[], None],
    refused: Refused,
) -> bytes:
    """Return an export request of spans or log records, serialized.

    Args:
        records: Records that have `resource` and `instrumentation_scope`.
        encode_record: Returns a record as a field of its scope's message.
        encode_foreign: Returns a whole request for a record that lacks a name we go by.
        pause: Called after every 32 records.
        refused: Told of each record that cannot be encoded; the others are.
    """
    groups = Groups()
    foreign: list[bytes] = []
    before_pause = SLICE
    resource, scope, group = None, None, None
    for record in records:
        try:
            encoded = encode_record(record)
            if group is None or record.resource is not resource or record.instrumentation_scope is not scope:
                group = groups.of(record.resource, record.instrumentation_scope)
                resource, scope = record.resource, record.instrumentation_scope
            group.append(encoded)
        except AttributeError as error:
            _try_foreign(record, encode_foreign, foreign, refused, error)
        except Exception as error:
            refused(error)
        before_pause -= 1
        if not before_pause:
            pause()
            before_pause = SLICE
    return groups.request() + b"".join(foreign)


def _try_foreign(
    record: Any,
    encode_foreign: Callable[[Any], bytes] | None,
    encoded: list[bytes],
    refused: Refused,
    error: AttributeError,
) -> None:
    if encode_foreign is None:
        refused(error)
        return
    try:
        encoded.append(encode_foreign(record))
    except Exception as why:
        refused(why)


class Groups:
    """Encoded records by resource and scope."""

    __slots__ = ("_by_content", "_by_identity")

    def __init__(self) -> None:
        # The objects are kept with their group, so that no other gets their identity meanwhile.
        self._by_identity: dict[tuple[int, int], tuple[list[bytes], Any, Any]] = {}
        self._by_content: dict[bytes, dict[bytes, list[bytes]]] = {}

    def of(self, resource: Any, scope: Any) -> list[bytes]:
        """Return the group of a resource and a scope, which takes encoded records.

        Args:
            resource: Has `attributes` and `schema_url`.
            scope: Has `name`, `version`, `attributes` and `schema_url`; or is `None`.
        """
        identity = (id(resource), id(scope))
        known = self._by_identity.get(identity)
        if known is not None:
            return known[0]
        by_scope = self._by_content.setdefault(_resource_fields(resource), {})
        group = by_scope.setdefault(_scope_fields(scope), [])
        self._by_identity[identity] = (group, resource, scope)
        return group

    def request(self) -> bytes:
        """Return the serialized request; groups that have nothing are left out."""
        parts = []
        for resource, by_scope in self._by_content.items():
            scopes = [
                wire.delimited(_SCOPE_RECORDS, b"".join((scope, *records)))
                for scope, records in by_scope.items()
                if records
            ]
            if scopes:
                parts.append(wire.delimited(_RESOURCE_RECORDS, b"".join((resource, *scopes))))
        return b"".join(parts)


def _resource_fields(resource: Any) -> bytes:
    attributes: list[bytes] = []
    _RESOURCE_ATTRIBUTES.append_to(attributes, resource.attributes)
    return wire.delimited(_RESOURCE, b"".join(attributes)) + wire.text_field(_SCHEMA_URL, resource.schema_url)


def _scope_fields(scope: Any) -> bytes:
    if not scope:
        return wire.delimited(_SCOPE, b"")
    parts = [wire.text_field(_SCOPE_NAME, scope.name), wire.text_field(_SCOPE_VERSION, scope.version)]
    _SCOPE_ATTRIBUTES.append_to(parts, scope.attributes)
    return wire.delimited(_SCOPE, b"".join(parts)) + wire.text_field(_SCHEMA_URL, scope.schema_url)
