# SPDX-License-Identifier: Apache-2.0
"""OpenTelemetry's instrumentation and our hook side by side: the same cases, the same spans and metric points.

A corpus is a module of this package that has

- `instrument(variant)`, which is called first, with `contrib` or `own`;
- `cases()`, a context manager that gives `{name: function}` for the cases to be played one after another; what a case
  returns is compared too, so that instrumentations are seen to change nothing for the app;
- `RULES`, the intended differences, and `OLDER_RULES`, those that only old versions of the library show;
- `ENVIRONMENT`, if it needs variables.

A server of a corpus listens on the port that the variable `PORT` names.

Each variant plays a corpus in a process of its own, as both change the library's classes. Then each rule changes what
contrib has made into what is wanted instead; what still differs after that is a fault. A rule that changes nothing
anywhere is one too.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from tests.comparison.recorder import Recorder, Seen
from tests.support.launched import ROOT

VARIANTS = ("contrib", "own")


@dataclass(frozen=True)
class Rule:
    """An intended difference.

    Attributes:
        name: Short name.
        reason: Why it is wanted.
        apply: Changes what contrib has made of a case (the second argument, in place) into what is wanted, given the
            name of the case and, third, what ours has made, which it must not simply copy.
    """

    name: str
    reason: str
    apply: Callable[[str, Seen, Seen], None]


@dataclass(frozen=True)
class Comparison:
    """What came out of a corpus.

    Attributes:
        cases: For each case what is wanted and what ours has made.
        used: Names of the rules that have changed something.
    """

    cases: Mapping[str, tuple[Seen, Seen]]
    used: frozenset[str]


@cache
def compare(corpus: str, python: str = sys.executable) -> Comparison:
    """Play a corpus by both variants.

    Args:
        corpus: Name of its module in this package.
        python: The interpreter of an environment with the library and both instrumentations.
    """
    contrib, own = (_played(corpus, variant, python) for variant in VARIANTS)
    assert contrib.keys() == own.keys()
    module = import_module(f"tests.comparison.{corpus}")
    rules: Sequence[Rule] = [*module.RULES, *getattr(module, "OLDER_RULES", ())]
    used = set()
    for case, wanted in contrib.items():
        for rule in rules:
            before = json.dumps(wanted)
            rule.apply(case, wanted, own[case])
            if json.dumps(wanted) != before:
                used.add(rule.name)
        for seen in (wanted, own[case]):
            for part in ("spans", "points"):
                seen[part].sort(key=lambda item: json.dumps(item, sort_keys=True))
    return Comparison({case: (contrib[case], own[case]) for case in contrib}, frozenset(used))


def _played(corpus: str, variant: str, python: str) -> dict[str, Seen]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DBX_OTEL_"))}
    environment = {
        **kept,
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http",
        "PYTHONPATH": str(ROOT),
        "PORT": str(_port_for(corpus)),
        "PYTHONHASHSEED": "0",
    }
    done = subprocess.run(
        [python, "-m", "tests.comparison.harness", corpus, variant],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    played: dict[str, Seen] = json.loads(done.stdout.splitlines()[-1])
    return played


_reserved: list[socket.socket] = []


@cache
def _port_for(corpus: str) -> int:
    """Return the port for a corpus's server: the same for both variants, as it is among what they say.

    It stays bound here, so that the system gives it to nobody else; a server can listen on it all the same.
    """
    reserving = socket.socket()
    reserving.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserving.bind(("127.0.0.1", 0))
    _reserved.append(reserving)
    port: int = reserving.getsockname()[1]
    return port


def play(corpus: str, variant: str) -> dict[str, Seen]:
    """Play a corpus in this process.

    Args:
        corpus: Name of its module.
        variant: `contrib` or `own`.
    """
    module = import_module(f"tests.comparison.{corpus}")
    os.environ.update(getattr(module, "ENVIRONMENT", {}))
    recorder = Recorder()
    if variant == "own":
        from dbx_otel.metrics import instruments

        instruments.record_through(recorder.meter_provider)
    module.instrument(variant)
    played = {}
    with module.cases() as cases:
        recorder.take()
        for name, case in cases.items():
            answer = case()
            played[name] = {**recorder.take(), "answer": answer}
    return played


if __name__ == "__main__":
    print(json.dumps(play(*sys.argv[1:3])))
