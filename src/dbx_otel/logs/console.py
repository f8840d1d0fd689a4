# SPDX-License-Identifier: Apache-2.0
"""The process's standard output: writing whole lines, and recognising it behind what apps wrap around it."""

import io
import os
import sys
from contextlib import suppress
from typing import Any

_DESCRIPTORS = (1, 2)
_WRAPPED_BY = ("_StreamWrapper__wrapped", "wrapped", "_stream", "stream")
"""Where wrappers keep the stream: colorama's StreamWrapper and AnsiToWin32, and look-alikes."""
_DEEPEST = 4


def write(line: str, stream: Any) -> None:
    """Write one line in one call, and flush it. Never raises.

    Args:
        line: The line without its line break.
        stream: What `stdout` has returned, or `None` to no effect.
    """
    if stream is None:
        return
    try:
        stream.write(line + "\n")
        stream.flush()
    except RuntimeError:
        # A signal handler logs while the main thread is inside the stream's buffer.
        _write_past_buffer(stream, line)
    except (OSError, ValueError):
        # Closed, full, or its reader has gone: there is no one to tell.
        pass
    except Exception:
        # The app may have put any object in place of sys.stdout.
        pass


def stdout() -> Any:
    """Return the stream that lines go to: `sys.stdout`, or the process's own where that is closed or gone."""
    for stream in (sys.stdout, sys.__stdout__):
        if stream is not None and not getattr(stream, "closed", False):
            return stream
    return None


def takes_only_ascii(stream: Any) -> bool:
    """Tell whether a stream cannot write every character.

    Args:
        stream: A text stream; one that names no encoding takes everything.
    """
    encoding = getattr(stream, "encoding", None)
    return isinstance(encoding, str) and not encoding.lower().replace("_", "-").startswith("utf")


def is_console(stream: Any) -> bool:
    """Tell whether what is written to a stream comes out as the process's standard output or standard error.

    Args:
        stream: Any stream, text or bytes, also a wrapper around one. Never raises.
    """
    return _is_console(stream, _DEEPEST)


def _is_console(stream: Any, depth: int) -> bool:
    if stream is None or depth == 0:
        return False
    known = (sys.stderr, sys.stdout, sys.__stderr__, sys.__stdout__)
    if any(stream is one or stream is getattr(one, "buffer", None) for one in known):
        return True
    try:
        descriptor = _descriptor(stream)
        if descriptor is not None:
            return descriptor in _DESCRIPTORS
        several = getattr(stream, "streams", None)  # gunicorn's wsgi.errors
        if isinstance(several, list):
            return bool(several) and all(_is_console(one, depth - 1) for one in several)
        inner = (getattr(stream, name, None) for name in _WRAPPED_BY)
        return any(_is_console(one, depth - 1) for one in inner)
    except Exception:
        # A stream of the app's whose attributes raise is none that we know.
        return False


def _descriptor(stream: Any) -> int | None:
    with suppress(io.UnsupportedOperation, AttributeError, OSError, ValueError, TypeError):
        number = stream.fileno()
        return number if isinstance(number, int) else None
    return None


def _write_past_buffer(stream: Any, line: str) -> None:
    descriptor = _descriptor(stream)
    if descriptor is not None:
        with suppress(OSError):
            os.write(descriptor, (line + "\n").encode("utf-8", "replace"))
