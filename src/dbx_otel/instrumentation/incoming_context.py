# SPDX-License-Identifier: Apache-2.0
"""The trace that a request belongs to, read from its headers by the propagators in force (`OTEL_PROPAGATORS`).

Identity is not read here: a hook has it already, from the same look at the headers.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from opentelemetry import propagate
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter, TextMapPropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from dbx_otel.identity.headers import Fields
from dbx_otel.identity.propagator import IdentityPropagator
from dbx_otel.instrumentation.http_server import text_of

W3C_NAMES: Final = (b"traceparent", b"tracestate", b"baggage")
"""Headers of W3C Trace Context and Baggage."""

_MAIN_HEADER: dict[type, bytes] = {TraceContextTextMapPropagator: b"traceparent", W3CBaggagePropagator: b"baggage"}
"""The header without which a propagator finds nothing."""


class IncomingContext:
    """Reads what trace a request belongs to.

    Args:
        getter: Reads the headers of a request, for propagators that look for any; those of an ASGI scope if `None`.
    """

    def __init__(self, getter: Getter[Any] | None = None) -> None:
        self._getter = getter if getter is not None else _SCOPE_GETTER
        self._global: TextMapPropagator | None = None
        self._propagators: list[tuple[TextMapPropagator, bytes | None]] = []

    def extract(self, scope: Any, fields: Fields, context: Context) -> Context:
        """Return a context with what the propagators find. Never raises.

        Args:
            scope: The request, for propagators that look for any header: an ASGI scope, or what the getter reads.
            fields: Its headers, of which those in `W3C_NAMES` are looked at.
            context: What to add to.
        """
        propagator = propagate.get_global_textmap()
        if propagator is not self._global:
            self._propagators = [(one, _MAIN_HEADER.get(type(one))) for one in _leaves(propagator)]
            self._global = propagator
        for one, header in self._propagators:
            try:
                if header is None:
                    context = one.extract(scope, context, self._getter)
                elif header in fields:
                    context = one.extract(fields, context, _FIELDS_GETTER)
            except Exception:
                # A header on which a propagator stumbles leaves the request with a trace of its own.
                pass
        return context


def _leaves(propagator: TextMapPropagator) -> Iterable[TextMapPropagator]:
    """Return the propagators that a composite one is made of, but for that of identity."""
    if isinstance(propagator, IdentityPropagator):
        return
    parts = getattr(propagator, "_propagators", None)
    if isinstance(parts, Sequence):
        for part in parts:
            yield from _leaves(part)
    else:
        yield propagator


class _FieldsGetter(Getter[Any]):
    """Reads headers that have been picked out already."""

    def get(self, carrier: Fields, key: str) -> list[str] | None:
        value = carrier.get(key.encode())
        if value is None:
            return None
        return [text_of(one) for one in value] if isinstance(value, list) else [text_of(value)]

    def keys(self, carrier: Fields) -> list[str]:
        return [text_of(name) for name in carrier]


class _ScopeGetter(Getter[Any]):
    """Reads headers of an ASGI scope."""

    def get(self, carrier: Any, key: str) -> list[str] | None:
        wanted = key.lower().encode()
        return [text_of(value) for name, value in carrier.get("headers", ()) if name.lower() == wanted] or None

    def keys(self, carrier: Any) -> list[str]:
        return [text_of(name) for name, _ in carrier.get("headers", ())]


_FIELDS_GETTER = _FieldsGetter()
_SCOPE_GETTER = _ScopeGetter()
