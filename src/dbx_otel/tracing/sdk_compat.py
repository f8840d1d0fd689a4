# SPDX-License-Identifier: Apache-2.0
"""Lets code that expects OpenTelemetry's SDK go on as ever, without importing the SDK before somebody else does.

- Once `opentelemetry.sdk.trace` is imported, providers, tracers and new spans of ours are instances of its classes too,
  and can be read as the SDK's are: `isinstance`, `to_json`, private names.
- Once a span processor is added, all tracers make spans of the SDK itself, at its price: processors may do with a span
  whatever they like.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any
from weakref import WeakMethod, WeakSet

if TYPE_CHECKING:
    from types import ModuleType

    from dbx_otel.tracing.provider import TracerProvider

_SDK = "opentelemetry.sdk.trace"

_providers: WeakSet[TracerProvider] = WeakSet()


def on_sdk_imported(module: ModuleType) -> None:  # noqa: ARG001 -- what a post-import hook is called with
    """Give all providers the SDK's shape.

    Args:
        module: `opentelemetry.sdk.trace`, which has just been imported.
    """
    for provider in list(_providers):
        shape(provider)


def introduce(provider: TracerProvider, sdk_arguments: dict[str, Any]) -> None:
    """Take note of a new provider, and give it the SDK's shape if the SDK is there.

    Args:
        provider: The provider.
        sdk_arguments: Arguments that only the SDK's provider has.
    """
    _providers.add(provider)
    _follow_forks(provider)
    # The SDK counts spans for itself where it is asked to; ours do not.
    counts = os.environ.get("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "").strip().lower() == "true"
    if sdk_arguments or counts:
        from dbx_otel.tracing import sdk_shapes

        shape(provider)
        sdk_shapes.realize(provider, sdk_arguments)
    elif _is_imported():
        shape(provider)


def shape(provider: TracerProvider) -> None:
    """Give a provider and its tracers the SDK's shape, importing the SDK if need be."""
    from dbx_otel.tracing import sdk_shapes

    sdk_shapes.shape(provider)


def _follow_forks(provider: TracerProvider) -> None:
    weak = WeakMethod(provider.after_fork)

    def in_child() -> None:
        if after_fork := weak():
            after_fork()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=in_child)


def _is_imported() -> bool:
    module = sys.modules.get(_SDK)
    return module is not None and not getattr(module.__spec__, "_initializing", False)
