# SPDX-License-Identifier: Apache-2.0
"""OTLP's `AnyValue`, attributes, ids and scopes as plain Python values."""

from collections.abc import Iterable
from typing import Any

from dbx_otel.local.records import Scope


def value_of(value: Any) -> Any:
    """Return an `AnyValue` as str, bool, int, float, bytes, list, dict, or None when it is empty."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [value_of(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return attributes_of(value.kvlist_value.values)
    # string_value_strindex belongs to profiles: the .proto says to take it as absent elsewhere.
    if kind is None or kind == "string_value_strindex":
        return None
    return getattr(value, kind)


def attributes_of(pairs: Iterable[Any]) -> dict[str, Any]:
    """Return `KeyValue` messages as a dict; of a key given twice the last one holds."""
    return {pair.key: value_of(pair.value) for pair in pairs}


def scope_of(scope: Any) -> Scope:
    """Return an `InstrumentationScope` message as a record."""
    return Scope(scope.name, scope.version, attributes_of(scope.attributes))


def id_or_none(value: bytes) -> str | None:
    """Return an id as hex, or None when it is empty or all zero."""
    return value.hex() if any(value) else None
