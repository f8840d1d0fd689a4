# SPDX-License-Identifier: Apache-2.0
"""What the distribution and the app measure, collected for delivery."""

import os
from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType
from typing import Any

from dbx_otel import diagnostics
from dbx_otel.instrumentation import lifecycle
from dbx_otel.instrumentation.post_import import when_imported
from dbx_otel.metrics import instruments, preferences, process
from dbx_otel.metrics.collection import Collector
from dbx_otel.otlp.model import Resource
from dbx_otel.settings import Settings

Flush = Callable[[float], bool]
Collect = Callable[[], Any]


def configure(settings: Settings, resource: Resource, flush: Flush, environ: Mapping[str, str] = os.environ) -> Collect:
    """Set metrics up, where they go somewhere.

    The app gets its meter provider when it imports `opentelemetry.metrics`, which takes 6 ms and may never happen.

    Args:
        settings: The settings.
        resource: Where metrics come from; a forked child changes its attributes.
        flush: Sends all there is, within so many seconds.
        environ: The environment, for OpenTelemetry's variables.

    Returns:
        What collects all metrics: `MetricsData` in shape, or `None`. To be called by one thread at a time.
    """
    preferred, problems = preferences.load(environ)
    for problem in problems:
        diagnostics.say(problem)
    instruments.registry.configure(preferred)
    provider = _Provider(partial(_make, resource, preferred, settings.metrics_views), flush)
    if settings.metrics_views is not None or preferred.exponential:
        instruments.record_through(provider.get())
    when_imported("opentelemetry.metrics", provider.set_globally)
    if not lifecycle.disables("system-metrics"):
        process.observe(instruments.registry)
    return Collector(instruments.registry, resource, preferred, provider.collect).collect


def switch_off() -> None:
    """Record nothing: metrics go nowhere."""
    instruments.record_nothing()


def _make(*arguments: Any) -> Any:
    from dbx_otel.metrics import sdk

    return sdk.make_provider(*arguments)


class _Provider:
    """The app's meter provider, made when the API of metrics is there.

    Args:
        make: Makes the SDK's provider and what collects from it.
        flush: Sends all there is, within so many seconds.
    """

    def __init__(self, make: Callable[[], Any], flush: Flush) -> None:
        self._make = make
        self._flush = flush
        self._provider: Any = None

    def get(self) -> Any:
        """Return it."""
        if self._provider is None:
            from dbx_otel.metrics.provider import DeferredMeterProvider

            self._provider = DeferredMeterProvider(self._make, self._flush, instruments.record_through)
        return self._provider

    def set_globally(self, module: ModuleType) -> None:
        """Give it to who asks for a provider or a meter."""
        module.set_meter_provider(self.get())

    def collect(self) -> Any:
        """Collect what the app has recorded."""
        return self._provider.collect() if self._provider is not None else None
