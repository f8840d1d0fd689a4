# SPDX-License-Identifier: Apache-2.0
"""Read by each Python that finds this folder on its path: the tests' own, and those that tests start."""

import ours_in_place  # type: ignore[import-not-found]  # noqa: F401 -- beside this file; importing it does it
