# SPDX-License-Identifier: Apache-2.0
"""Characters that a text must not smuggle into a header value or a log line."""

UNSEEN = "\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff"
"""Inside of a regular expression's character class: what is not seen, or makes a text look like another.

DEL and the C1 controls (they steer a terminal; NEL ends a line for some readers), line and paragraph separators, marks
and overrides of direction (Unicode Standard Annex 9), and characters of no width. The C0 controls are not among them:
what line breaks and tabs mean differs from place to place.
"""

SURROGATES = "\ud800-\udfff"
"""Likewise: halves of characters, which cannot be encoded."""
