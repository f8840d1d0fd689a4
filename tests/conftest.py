# SPDX-License-Identifier: Apache-2.0
"""Fixtures for all tests. `stack` and `own_stack` start nothing until a test asks for them."""

pytest_plugins = ["tests.support.stack"]
