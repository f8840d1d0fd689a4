# SPDX-License-Identifier: Apache-2.0
"""The pages of docs/ that are derived from the code, one module a page."""
