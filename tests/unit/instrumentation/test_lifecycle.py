# SPDX-License-Identifier: Apache-2.0
"""Whose instrumentation is wanted."""

import pytest

from dbx_otel.instrumentation import lifecycle


@pytest.mark.parametrize(
    ("names", "opt_in", "wanted"),
    [
        (None, None, set()),
        (None, "http,database", set()),
        (None, "database, http", set()),
        ("fastapi, requests", "http", {"fastapi", "requests"}),
        ("*", "http", {"fastapi", "requests", "flask"}),
        # Hooks of ours know the stable names only.
        (None, "database", {"fastapi", "requests", "flask"}),
        (None, "", {"fastapi", "requests", "flask"}),
        (None, "http,http/dup", {"fastapi", "requests", "flask"}),
    ],
)
def test_contrib_is_wanted_where_it_is_named_or_alone_knows_the_names(
    names: str | None, opt_in: str | None, wanted: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "_by_contrib", None)
    for variable, value in (("DBX_OTEL_CONTRIB_INSTRUMENTATIONS", names), ("OTEL_SEMCONV_STABILITY_OPT_IN", opt_in)):
        monkeypatch.delenv(variable, raising=False)
        if value is not None:
            monkeypatch.setenv(variable, value)
    assert {name for name in ("fastapi", "requests", "flask") if lifecycle.wants_contrib(name)} == wanted
