# SPDX-License-Identifier: Apache-2.0
"""Never lose what has been recorded: exporters that start late and in the right process, a flush at every exit."""
