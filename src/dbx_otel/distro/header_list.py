# SPDX-License-Identifier: Apache-2.0
"""Lists of headers as variables hold them: `key=value`, with commas between them.

OpenTelemetry's own reader logs what it cannot read, and HTTP clients name the value that they refuse: neither may
happen to a secret.
"""

import re
from urllib.parse import unquote

# RFC 9110, section 5.6.2 (token), and what of a value HTTP and gRPC both carry.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x20-\x7e]*")


def read(text: str, *, liberal: bool = False) -> tuple[dict[str, str], list[int]]:
    """Read a list of headers (OpenTelemetry specification, "Specifying headers via environment variables").

    Args:
        text: The list, values URL-encoded.
        liberal: Whether a value with blanks in it stands for itself, as OpenTelemetry's exporters take it.

    Returns:
        The headers by lower-case name, and the numbers (from 1) of the entries that are none.
    """
    headers: dict[str, str] = {}
    bad: list[int] = []
    for number, entry in enumerate((entry.strip() for entry in text.split(",")), 1):
        if not entry:
            continue
        name, sign, value = (part.strip() for part in entry.partition("="))
        if not (liberal and " " in value):
            name, value = unquote(name).strip(), unquote(value).strip()
        if sign and _NAME.fullmatch(name) and _VALUE.fullmatch(value):
            headers[name.lower()] = value
        else:
            bad.append(number)
    return headers, bad
