# SPDX-License-Identifier: Apache-2.0
"""The local stack: built from Go modules, started with the configuration files that compose uses.

Standard library only, so that `scripts/build-stack` and `scripts/stack` run before anything is installed.
"""
