# SPDX-License-Identifier: Apache-2.0
"""`scripts/upstream-tests`: run the SDK's tracing tests against our provider, and say how they went."""

import sys

from .fetch import fetch
from .run import expected, run, surprises


def main() -> int:
    """Run them.

    Returns:
        0 where all went as `tests/upstream/expected.toml` says, 1 where not, 2 where they could not be run.
    """
    try:
        sources = fetch()
        outcome = run(sources)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"opentelemetry-sdk {sources.version}: {len(outcome.passed)} tests pass, {len(outcome.failed)} do not")
    reasons = expected()
    for name in outcome.failed:
        print(f"  {name}: {reasons.get(name, 'not expected')}")
    unexpected = surprises(outcome)
    for line in unexpected:
        print(line, file=sys.stderr)
    return 1 if unexpected else 0
