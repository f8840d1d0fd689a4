# SPDX-License-Identifier: Apache-2.0
"""Levels of Python's logging libraries as severity numbers (log data model, "Field: SeverityNumber")."""

_RANGES = ((50, 21), (40, 17), (30, 13), (20, 9), (10, 5))
_NUMBERS_A_RANGE = 4
_LEVELS_A_RANGE = 10

TRACE = 1

LEVEL_OF_METHOD = {
    "trace": 5,
    "debug": 10,
    "info": 20,
    "msg": 20,
    "log": 20,
    "warn": 30,
    "warning": 30,
    "failure": 40,
    "err": 40,
    "error": 40,
    "exception": 40,
    "critical": 50,
    "fatal": 50,
}
"""Level by the name of the method that logs at it."""


def severity_number(level: int) -> int:
    """Return the severity number of a level; a level between two named ones keeps its place between them.

    Args:
        level: Level as `logging` and loguru number it: 10 debug, 20 info, 30 warning, 40 error, 50 critical.

    Returns:
        1 to 24.
    """
    for lowest, number in _RANGES:
        if level >= lowest:
            steps = (level - lowest) * _NUMBERS_A_RANGE // _LEVELS_A_RANGE
            return number + min(steps, _NUMBERS_A_RANGE - 1)
    return TRACE
