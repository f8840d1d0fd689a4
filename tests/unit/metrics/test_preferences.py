# SPDX-License-Identifier: Apache-2.0
"""A bad value is named, and what holds instead."""

import pytest

from dbx_otel.metrics import preferences
from dbx_otel.metrics.preferences import COUNTER, HISTOGRAM, OBSERVABLE_COUNTER, Preferences

TEMPORALITY = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
AGGREGATION = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
EXEMPLARS = "OTEL_METRICS_EXEMPLAR_FILTER"


@pytest.mark.parametrize(
    ("environ", "preferred"),
    [
        ({}, Preferences()),
        ({TEMPORALITY: "", AGGREGATION: " ", EXEMPLARS: ""}, Preferences()),
        ({TEMPORALITY: "Delta "}, Preferences(delta=frozenset((COUNTER, OBSERVABLE_COUNTER, HISTOGRAM)))),
        ({TEMPORALITY: "lowmemory"}, Preferences(delta=frozenset((COUNTER, HISTOGRAM)))),
        ({AGGREGATION: "BASE2_exponential_bucket_histogram"}, Preferences(exponential=True)),
        ({AGGREGATION: "explicit_bucket_histogram"}, Preferences()),
        ({EXEMPLARS: "always_on"}, Preferences(exemplars=preferences.ALL_EXEMPLARS)),
        ({EXEMPLARS: "always_off"}, Preferences(exemplars=preferences.NO_EXEMPLARS)),
    ],
)
def test_values(environ: dict[str, str], preferred: Preferences) -> None:
    assert preferences.load(environ) == (preferred, [])


def test_bad_values_are_said_and_not_followed() -> None:
    found, problems = preferences.load({TEMPORALITY: "sometimes", AGGREGATION: "none", EXEMPLARS: "x" * 1000})
    aggregations = "explicit_bucket_histogram · base2_exponential_bucket_histogram"
    assert found == Preferences()
    assert problems == [
        f"{TEMPORALITY} is 'sometimes'; allowed: cumulative · delta · lowmemory; used instead: cumulative",
        f"{EXEMPLARS} is '{'x' * 100}'; allowed: trace_based · always_on · always_off; used instead: trace_based",
        f"{AGGREGATION} is 'none'; allowed: {aggregations}; used instead: explicit_bucket_histogram",
    ]
