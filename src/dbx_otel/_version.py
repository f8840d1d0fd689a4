# SPDX-License-Identifier: Apache-2.0
"""The version, in a module that imports nothing, for the build and for the interpreter's start."""

__version__ = "0.1.0"
