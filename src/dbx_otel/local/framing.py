# SPDX-License-Identifier: Apache-2.0
"""Where the body of an HTTP/1.1 request ends: Content-Length or chunks. http.server leaves that to its users.

Source of the rules: RFC 9112 §6 and §7.1.
"""

import string
from email.message import Message
from http import HTTPStatus
from io import BufferedIOBase

from dbx_otel.local.body import RefusedError, shown, too_large

_LINE = 8192
_SIZE_DIGITS = 8
_HEX = frozenset(string.hexdigits.encode())


def read_body(stream: BufferedIOBase, headers: Message, limit: int) -> bytes:
    """Return the body whole, still compressed if it was sent so.

    Args:
        stream: Stands behind the headers; afterwards behind the body.
        headers: Those of the request.
        limit: Largest body in bytes.

    Raises:
        RefusedError: 400, 411 or 413. The rest of the body was not read, so the connection has to be closed.
    """
    coding = headers["Transfer-Encoding"]
    if coding is None:
        return _read_sized(stream, _length(headers["Content-Length"], limit))
    if coding.strip().lower() != "chunked":
        raise RefusedError(f"Transfer-Encoding is {shown(coding)}; send chunked or a Content-Length")
    return _read_chunked(stream, limit)


def _length(header: str | None, limit: int) -> int:
    if header is None:
        text = "there is no Content-Length; send one, or Transfer-Encoding: chunked"
        raise RefusedError(text, HTTPStatus.LENGTH_REQUIRED)
    if not (header.isascii() and header.isdigit()):
        raise RefusedError(f"Content-Length is {shown(header)}; it has to be a number of bytes")
    # The count of digits first: Python refuses to read a number of thousands of them.
    if len(header) > len(str(limit)) or int(header) > limit:
        raise too_large("body", limit)
    return int(header)


def _read_sized(stream: BufferedIOBase, length: int) -> bytes:
    body = stream.read(length)
    if len(body) < length:
        raise RefusedError(f"the body ended after {len(body)} of {length} bytes; send it whole")
    return body


def _read_chunked(stream: BufferedIOBase, limit: int) -> bytes:
    body = bytearray()
    while size := _chunk_size(stream.readline(_LINE)):
        if len(body) + size > limit:
            raise too_large("body", limit)
        chunk = stream.read(size)
        if len(chunk) < size or stream.read(2) != b"\r\n":
            raise RefusedError("the chunked body is cut off or a chunk is longer than it says; send it whole")
        body += chunk
    _skip_trailer(stream)
    return bytes(body)


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits or len(digits) > _SIZE_DIGITS or not _HEX.issuperset(digits):
        raise RefusedError(f"the chunk size is {shown(line[:40])}; it has to be hex digits")
    return int(digits, 16)


def _skip_trailer(stream: BufferedIOBase) -> None:
    read = 0
    while (line := stream.readline(_LINE)) not in {b"\r\n", b"\n", b""}:
        read += len(line)
        if read > _LINE:
            raise too_large("trailer of the chunked body", _LINE)
