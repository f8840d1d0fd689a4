# SPDX-License-Identifier: Apache-2.0
"""A package that offers a credential provider, as if installed."""

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

_numbers = itertools.count()


def offer(folder: Path, patch: pytest.MonkeyPatch, provider: Callable[[], Any]) -> str:
    """Offer a provider by an entry point, and return its name."""
    name = f"provider{next(_numbers)}"
    information = folder / f"{name}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    group = "opentelemetry_otlp_credential_provider"
    (information / "entry_points.txt").write_text(f"[{group}]\n{name} = {name}:provide\n")
    module = ModuleType(name)
    module.provide = provider  # type: ignore[attr-defined]  # that is its content
    patch.setitem(sys.modules, name, module)
    patch.syspath_prepend(folder)
    return name
