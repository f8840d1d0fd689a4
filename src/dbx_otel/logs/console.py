# SPDX-License-Identifier: Apache-2.0
"""The process's standard output: writing whole lines, and recognising it behind what apps wrap around it.

Lines go to the process's own stream, not to what `sys.stdout` is at the moment: an app that redirects it
(`contextlib.redirect_stdout`, a test that captures) redirects it for all threads, and shows what it has caught.
"""

import io
import os
import sys
from contextlib import suppress
from typing import Any

_DESCRIPTORS = (1, 2)
_WRAPPED_BY = ("_StreamWrapper__wrapped", "wrapped", "_stream", "stream")
"""Where wrappers keep the stream: colorama's StreamWrapper and AnsiToWin32, and look-alikes."""
_DEEPEST = 4
_IN_MEMORY = (io.StringIO, io.BytesIO)

_in_its_place: Any = None
"""What the app has put in the place of the process's own stream, where that cannot be used."""


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
    """Return the stream that lines go to.

    Returns:
        The process's own. Where that is closed, detached or was never there, what the app has put in its place
        (and stays with it while it is open), if that writes to a file descriptor: anything else may be a buffer,
        or log what it is given. Else `None`.
    """
    global _in_its_place  # noqa: PLW0603 -- one process has one standard output
    if _is_open(sys.__stdout__):
        return sys.__stdout__
    if not _is_open(_in_its_place):
        _in_its_place = sys.stdout if _descriptor(sys.stdout) is not None else None
    return _in_its_place


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
    try:
        descriptor = _descriptor(stream)
        if descriptor is not None:
            return descriptor in _DESCRIPTORS
        several = getattr(stream, "streams", None)  # gunicorn's wsgi.errors
        if isinstance(several, list):
            return bool(several) and all(_is_console(one, depth - 1) for one in several)
        if any(stream is one for one in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)):
            # A stand-in that we do not know most likely writes on to what it stands for; a buffer does not.
            return not isinstance(getattr(stream, "buffer", stream), _IN_MEMORY)
        inner = (getattr(stream, name, None) for name in _WRAPPED_BY)
        return any(_is_console(one, depth - 1) for one in inner)
    except Exception:
        # A stream of the app's whose attributes raise is none that we know.
        return False


def _is_open(stream: Any) -> bool:
    try:
        return stream is not None and not getattr(stream, "closed", False)
    except ValueError:
        # Detached, as by `sys.stdout = io.TextIOWrapper(sys.stdout.detach(), "utf-8")`.
        return False


def _descriptor(stream: Any) -> int | None:
    try:
        number = stream.fileno()
    except Exception:
        # A stream of the app's own making may raise anything.
        return None
    return number if isinstance(number, int) else None


def _write_past_buffer(stream: Any, line: str) -> None:
    descriptor = _descriptor(stream)
    if descriptor is not None:
        with suppress(OSError):
            os.write(descriptor, (line + "\n").encode("utf-8", "replace"))
