# SPDX-License-Identifier: Apache-2.0
"""The one difference that all hooks have."""

from tests.comparison.harness import Rule
from tests.comparison.recorder import Seen


def scope_rule(library: str) -> Rule:
    """Return the rule for the scope of a hook's spans and points.

    Args:
        library: Name of the instrumented library.
    """

    def apply(case: str, wanted: Seen, own: Seen) -> None:
        for made in (*wanted["spans"], *wanted["points"]):
            if made["scope"][0] == f"opentelemetry.instrumentation.{library}":
                made["scope"][0] = f"dbx_otel.instrumentation.{library}"

    return Rule("scope", "the scope names the code that has made a span or point, and that is ours", apply)
