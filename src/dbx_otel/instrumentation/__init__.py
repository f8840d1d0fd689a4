# SPDX-License-Identifier: Apache-2.0
"""One row or module a library: attached when the app imports the library, and only then."""
