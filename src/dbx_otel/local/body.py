# SPDX-License-Identifier: Apache-2.0
"""The body of an OTLP/HTTP request: content coding off, then protobuf or JSON into a message, with a cap.

Source of the rules: OTLP specification 1.x, "OTLP/HTTP" and "JSON Protobuf Encoding".
"""

import base64
import json
import zlib
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

M = TypeVar("M", bound=Message)

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

_ZLIB_WINDOW = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_RAW_DEFLATE = -15
_GZIP_MAGIC = b"\x1f\x8b"
_SHORT = 200
_ID_KEYS = frozenset({"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"})


class RefusedError(Exception):
    """A request that is not taken; the text names the value and the remedy.

    Attributes:
        status: The HTTP status to answer with.
    """

    def __init__(self, text: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(text)
        self.status = status


def content_type(header: str | None) -> str:
    """Return `PROTOBUF` or `JSON` for a Content-Type header.

    Raises:
        RefusedError: 415 for anything else.
    """
    name = (header or "").partition(";")[0].strip().lower()
    if name in {PROTOBUF, "application/protobuf"}:
        return PROTOBUF
    if name == JSON:
        return JSON
    raise RefusedError(
        f"Content-Type is {shown(header or 'absent')}; OTLP/HTTP takes {PROTOBUF} or {JSON}",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    )


def decompress(body: bytes, coding: str | None, limit: int) -> bytes:
    """Take the content coding off a body without ever holding more than `limit` bytes of the result.

    Args:
        body: As it came over the wire.
        coding: The Content-Encoding header: gzip, deflate (with or without the zlib wrapper) or identity.
        limit: Largest result in bytes.

    Raises:
        RefusedError: 400 for a broken or cut stream, 413 for one beyond the limit, 415 for another coding.
    """
    name = (coding or "identity").strip().lower()
    if name in {"", "identity"}:
        return body
    if name not in _ZLIB_WINDOW:
        raise RefusedError(
            f"Content-Encoding is {shown(name)}; send gzip, deflate or none",
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )
    try:
        return _inflate(body, _ZLIB_WINDOW[name], limit)
    except zlib.error as error:
        if name == "deflate":
            try:
                return _inflate(body, _RAW_DEFLATE, limit)
            except zlib.error:
                pass
        raise RefusedError(f"the body is not {name}, although Content-Encoding says so: {error}") from None


def _inflate(body: bytes, window: int, limit: int) -> bytes:
    """Decompress all members of a stream (RFC 1952 §2.2 allows several)."""
    result = bytearray()
    rest = body
    while rest:
        member = zlib.decompressobj(window)
        result += member.decompress(rest, limit - len(result) + 1)
        if len(result) > limit:
            raise too_large("decompressed body", limit)
        if not member.eof:
            raise RefusedError("the compressed body is cut off; send it whole")
        rest = member.unused_data
        if rest and not (window == _ZLIB_WINDOW["gzip"] and rest.startswith(_GZIP_MAGIC)):
            raise RefusedError(f"{len(rest)} bytes follow the end of the compressed body; send one stream only")
    return bytes(result)


def too_large(what: str, limit: int) -> RefusedError:
    """Return the error for a body beyond the cap."""
    text = f"the {what} has more than {limit} bytes; send smaller batches"
    return RefusedError(text, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def from_protobuf(body: bytes, message: M) -> M:
    """Fill a message from protobuf bytes.

    Raises:
        RefusedError: 400 when they are not such a message.
    """
    try:
        message.ParseFromString(body)
    except DecodeError:
        raise RefusedError(
            f"the body ({len(body)} bytes, beginning {shown(body[:16].hex(' '))}) is no protobuf"
            f" {message.DESCRIPTOR.name}; check that the address fits the signal and the body is sent whole"
        ) from None
    return message


def from_json(body: bytes, message: M) -> M:
    """Fill a message from OTLP's JSON, in which ids are hex where protobuf's own JSON has base64.

    Raises:
        RefusedError: 400 when it is not JSON or not such a message.
    """
    name = message.DESCRIPTOR.name
    try:
        document = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"the body is not JSON: {_short(error)}; it has to be one {name} object") from None
    if not isinstance(document, dict):
        raise RefusedError(f"the body is a JSON {type(document).__name__}; it has to be one {name} object")
    for holder, key in _ids(document):
        holder[key] = _hex_to_base64(key, holder[key])
    try:
        return json_format.ParseDict(document, message, ignore_unknown_fields=True)
    # ParseDict lets more than its own errors through: TypeError, AttributeError, OverflowError.
    except Exception as error:
        raise RefusedError(
            f"the JSON is no {name}: {_short(error)}; the fields are those of OTLP's .proto files"
        ) from None


def to_json(message: Message) -> bytes:
    """Return a response message as JSON."""
    return json_format.MessageToJson(message, indent=None).encode()


def shown(value: object, length: int = 80) -> str:
    """Return a value from outside for a message: quoted, one line, cut."""
    text = ascii(value) if not isinstance(value, str) else repr(value)
    return text if len(text) <= length else f"{text[:length]}…"


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}…"


def _no_constant(name: str) -> Any:
    raise ValueError(f'{name} is no JSON number; write it as the string "{name}"')


def _ids(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield every field that holds a trace or span id; a loop, since documents may be nested deeply."""
    waiting: list[Any] = [document]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield from [(item, key) for key in item if key in _ID_KEYS]
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _hex_to_base64(key: str, value: Any) -> str:
    if value is None:
        return ""
    try:
        return base64.b64encode(bytes.fromhex(value)).decode()
    except (TypeError, ValueError):
        raise RefusedError(f"{key} is {shown(value)}; OTLP's JSON writes ids in hex digits") from None
