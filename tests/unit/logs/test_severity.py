# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbx_otel.logs.severity import severity_number


@pytest.mark.parametrize(
    ("level", "number"),
    [(0, 1), (5, 1), (10, 5), (15, 7), (20, 9), (25, 11), (29, 12), (30, 13), (40, 17), (50, 21), (10**9, 24), (-1, 1)],
)
def test_levels(level: int, number: int) -> None:
    assert severity_number(level) == number


@given(st.integers(), st.integers())
def test_order_is_kept(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert 1 <= severity_number(low) <= severity_number(high) <= 24
