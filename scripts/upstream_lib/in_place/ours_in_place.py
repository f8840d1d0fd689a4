# SPDX-License-Identifier: Apache-2.0
"""Puts our tracer provider and span limits in the place of the SDK's, before its tests import them."""

import importlib
from types import ModuleType
from typing import Any

import opentelemetry.sdk.trace
from opentelemetry.sdk.resources import Resource

import dbx_otel.tracing.sdk_shapes
from dbx_otel.tracing.limits import SpanLimits
from dbx_otel.tracing.provider import TracerProvider

_reload = importlib.reload


def _provider(
    sampler: Any = None,
    resource: Any = None,
    shutdown_on_exit: bool = True,
    active_span_processor: Any = None,
    id_generator: Any = None,
    span_limits: Any = None,
    **others: Any,
) -> TracerProvider:
    """Make a provider of ours from the arguments of the SDK's."""
    if active_span_processor is not None:
        others["active_span_processor"] = active_span_processor
    return TracerProvider(
        Resource.create({}) if resource is None else resource,
        sampler=sampler,
        id_generator=id_generator,
        span_limits=span_limits,
        shutdown_on_exit=shutdown_on_exit,
        **{name: value for name, value in others.items() if value is not None},
    )


def _put_in_place() -> None:
    sdk: Any = opentelemetry.sdk.trace
    sdk.TracerProvider = _provider
    sdk.SpanLimits = SpanLimits


def _reload_and_put_in_place(module: ModuleType) -> ModuleType:
    """Reload a module; of the SDK's, tests do so to be rid of what they have changed."""
    reloaded = _reload(module)
    if module is opentelemetry.sdk.trace:
        _reload(dbx_otel.tracing.sdk_shapes)
        _put_in_place()
    return reloaded


_put_in_place()
importlib.reload = _reload_and_put_in_place
