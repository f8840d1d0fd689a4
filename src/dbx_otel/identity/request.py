# SPDX-License-Identifier: Apache-2.0
"""One request that a server works for, from its first to its last byte."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbx_otel.identity.model import Identity


class Request:
    """A request.

    Attributes:
        identity: The person behind it, once the headers have been read.
        has_ended: Whether the server is done with it.
    """

    __slots__ = ("has_ended", "identity")

    def __init__(self) -> None:
        self.identity: Identity | None = None
        self.has_ended = False
