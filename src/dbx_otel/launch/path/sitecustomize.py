# SPDX-License-Identifier: Apache-2.0
"""Runs in every Python that the command leads to, also in those that lack dbx-otel: leaves no trace in them but a line.

Steps aside for the user's own `sitecustomize`, which it stands in front of on PYTHONPATH. Written for any Python 3.
"""

import os
import sys


def _run_next() -> None:
    """Run the `sitecustomize` that would have run without us."""
    # Under these names the import system is loaded already; `importlib.util` would bring a dozen modules more.
    from _frozen_importlib import module_from_spec
    from _frozen_importlib_external import PathFinder

    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 -- pathlib costs more than all of this
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]  # noqa: PTH100 -- as above
    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is None or spec.loader is None:
        return
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


def _begin() -> None:
    if "dbx_otel.launch.interpreter" in sys.modules:
        return  # the .pth file has seen to it
    try:
        from dbx_otel.launch import interpreter
    except Exception:
        # Not there, or not fit for this version of Python.
        _warn_once()
    else:
        interpreter.begin()


def _warn_once() -> None:
    if os.environ.get("DBX_OTEL_RUN_WARNED") or _is_switched_off():
        return
    os.environ["DBX_OTEL_RUN_WARNED"] = "1"
    if sys.stderr is None:
        return  # closed since before Python began: the number 2 may be another file by now
    line = (
        "dbx-otel: "
        + sys.executable
        + " has no dbx-otel: it runs untouched and without telemetry. "
        + "Remedy: install dbx-otel in that environment\n"
    )
    try:  # noqa: SIM105 -- `contextlib` is not loaded yet
        # Past Python's buffer: what cannot be written would stay in it and turn the exit status to 120.
        os.write(2, line.encode("utf-8", "backslashreplace"))
    except Exception:
        # An exception here would end the interpreter before the app begins.
        pass


def _is_switched_off() -> bool:
    # As `dbx_otel.launch.interpreter.is_enabled`, which is not there to be asked.
    return os.environ.get("DBX_OTEL_ENABLED", "").strip().lower() in ("false", "0", "no", "off")


if os.environ.get("DBX_OTEL_RUN"):
    try:
        _run_next()
    finally:
        _begin()
else:
    _run_next()
