# SPDX-License-Identifier: Apache-2.0
"""What OpenTelemetry's variables ask of metrics: temporality, exemplars, how histograms are aggregated."""

import os
from collections.abc import Mapping
from typing import Final, NamedTuple, TypeVar

T = TypeVar("T")

COUNTER: Final = "counter"
UP_DOWN_COUNTER: Final = "up_down_counter"
HISTOGRAM: Final = "histogram"
GAUGE: Final = "gauge"
OBSERVABLE_COUNTER: Final = "observable_counter"

NO_EXEMPLARS: Final = 0
EXEMPLARS_OF_SAMPLED: Final = 1
ALL_EXEMPLARS: Final = 2

_TEMPORALITY = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
_AGGREGATION = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
_EXEMPLARS = "OTEL_METRICS_EXEMPLAR_FILTER"

# OpenTelemetry specification, "Metrics Exporter - OTLP", Additional Environment Variable Configuration.
_DELTA_KINDS = {
    "cumulative": frozenset[str](),
    "delta": frozenset((COUNTER, OBSERVABLE_COUNTER, HISTOGRAM)),
    "lowmemory": frozenset((COUNTER, HISTOGRAM)),
}
_EXPONENTIAL = {"explicit_bucket_histogram": False, "base2_exponential_bucket_histogram": True}
# OpenTelemetry specification, "Environment Variables", Exemplar.
_FILTERS = {"trace_based": EXEMPLARS_OF_SAMPLED, "always_on": ALL_EXEMPLARS, "always_off": NO_EXEMPLARS}


class Preferences(NamedTuple):
    """How metrics are aggregated.

    Attributes:
        delta: Kinds of instruments whose values are those since the collection before; of all others, since the start.
        exemplars: Which measurements may become exemplars: `NO_EXEMPLARS`, `EXEMPLARS_OF_SAMPLED`, `ALL_EXEMPLARS`.
        exponential: Whether histograms have exponential buckets, which is left to the SDK.
    """

    delta: frozenset[str] = frozenset()
    exemplars: int = EXEMPLARS_OF_SAMPLED
    exponential: bool = False


def load(environ: Mapping[str, str] = os.environ) -> tuple[Preferences, list[str]]:
    """Read the preferences.

    Args:
        environ: The environment.

    Returns:
        The preferences, and a line for each value that cannot be used.
    """
    problems: list[str] = []
    return Preferences(
        delta=_choose(_TEMPORALITY, _DELTA_KINDS, environ, problems),
        exemplars=_choose(_EXEMPLARS, _FILTERS, environ, problems),
        exponential=_choose(_AGGREGATION, _EXPONENTIAL, environ, problems),
    ), problems


def _choose(variable: str, choices: Mapping[str, T], environ: Mapping[str, str], problems: list[str]) -> T:
    """Return the choice that a variable names; the first where it names none."""
    default = next(iter(choices))
    text = environ.get(variable, "").strip()
    if text.lower() in choices:
        return choices[text.lower()]
    if text:
        problems.append(f"{variable} is {text[:100]!r}; allowed: {' · '.join(choices)}; used instead: {default}")
    return choices[default]
