# SPDX-License-Identifier: Apache-2.0
"""What every Python under `dbx-otel-run` does at its start: wait for imports. Loads nothing that is not loaded already.

Two ways lead here. `dbx_otel.pth` in the environment's site-packages, which `python -I` and `-E` read too; and, where
.pth files are not read (an install by `pip --target`), the `sitecustomize` that `dbx-otel-run` puts on PYTHONPATH.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as `typing` has it, without importing typing
if TYPE_CHECKING:
    from collections.abc import Mapping

RUN_VARIABLE = "DBX_OTEL_RUN"
"""Set by `dbx-otel-run` for the command and all it starts."""

DEFAULTS = {
    # The names that are stable. Without it the contrib instrumentations still use those of before 2023.
    "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database",
    # Streamlit's own traffic: a span as long as the browser tab is open, and every run of the script inside it.
    "OTEL_PYTHON_STARLETTE_EXCLUDED_URLS": "^[a-z]+://[^/?#]+/_stcore/",
    "OTEL_PYTHON_TORNADO_EXCLUDED_URLS": "^/_stcore/",
    # Trace ids for formatters of the app that ask for them; records themselves are taken by dbx_otel.logs.
    "OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION": "false",
    # gRPC's threads do not survive the fork by which gunicorn makes its workers, unless it is told to expect one.
    "GRPC_ENABLE_FORK_SUPPORT": "1",
}
"""Variables that libraries read when they are imported; what is set already stays."""

ADDED = {
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS": (
        "authorization,proxy-authorization,cookie,set-cookie,x-forwarded-.*,x-real-ip"
    ),
}
"""Likewise, but added to what is set: who captures all headers captures neither the user's token nor the user."""

_begun = False


def is_enabled(environ: Mapping[str, str] = os.environ) -> bool:
    """Read the one setting that is needed this early, without loading the table; bad values are reported by the app.

    Args:
        environ: The environment.
    """
    return environ.get("DBX_OTEL_ENABLED", "").strip().lower() not in {"false", "0", "no", "off"}


def begin_after_site() -> None:
    """Begin when the interpreter has set up its paths and run the user's `sitecustomize`. Never raises."""
    try:
        import site

        original = site.execsitecustomize

        def then_begin() -> None:
            site.execsitecustomize = original
            try:
                original()
            finally:
                begin()

        site.execsitecustomize = then_begin
    except Exception:
        # An interpreter that arranges this differently: begin now, at worst some paths are not there yet.
        begin()


def begin() -> None:
    """Wait for the libraries of the catalog and for SIGTERM, once a process, unless switched off. Never raises."""
    global _begun  # noqa: PLW0603 -- one process begins once
    if _begun or not is_enabled():
        return
    _begun = True
    try:
        for name, value in DEFAULTS.items():
            os.environ.setdefault(name, value)
        for name, value in ADDED.items():
            given = os.environ.get(name, "")
            if value not in given:
                os.environ[name] = f"{given},{value}".lstrip(",")
        from dbx_otel import distro
        from dbx_otel.delivery import sigterm

        sigterm.handle()
        distro.begin()
    except Exception as error:
        # The app comes first.
        _say(f"telemetry is off, the app is not touched: {error!r}")


def _say(text: str) -> None:
    try:
        from dbx_otel import diagnostics

        diagnostics.say(text)
    except Exception:
        # What is broken may be as much as the whole package.
        pass
