# SPDX-License-Identifier: Apache-2.0
"""An exception as log record attributes (semantic conventions, "Exceptions in logs"); bounded."""

from traceback import TracebackException

_FRAMES = 64
"""Frames shown of each exception of a chain: the innermost."""


def exception_attributes(error: BaseException) -> dict[str, str]:
    """Return `exception.type`, `exception.message` and `exception.stacktrace`; empty values are left out.

    Args:
        error: The exception, with its causes.
    """
    attributes = {
        "exception.type": _type(error),
        "exception.message": _message(error),
        "exception.stacktrace": _stacktrace(error),
    }
    return {name: value for name, value in attributes.items() if value}


def _type(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "<unprintable>"


def _stacktrace(error: BaseException) -> str:
    try:
        # A negative limit keeps the innermost frames (traceback.StackSummary.extract).
        trace = TracebackException(type(error), error, error.__traceback__, limit=-_FRAMES, compact=True)
        return "".join(trace.format())
    except Exception:
        # Exceptions of the app may override anything that the traceback module asks for.
        return ""
