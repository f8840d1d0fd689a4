# SPDX-License-Identifier: Apache-2.0
"""Whatever becomes of a segment file, what is intact is found, and nothing is made up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbx_otel.delivery.spool import frames

MARKER = bytes(range(200, 208))
OTHER_MARKER = bytes(range(100, 108))

payloads = st.binary(max_size=60) | st.sampled_from([MARKER, MARKER * 3, b"DBXSPOOL"])


def segment(records: list[bytes], marker: bytes = MARKER) -> bytes:
    written = [frames.record(marker, number, payload) for number, payload in enumerate(records)]
    return frames.header(marker) + b"".join(written)


def ends(records: list[bytes]) -> list[int]:
    """Where each record's frame ends."""
    return [len(segment(records[: count + 1])) for count in range(len(records))]


@given(st.lists(payloads))
def test_what_is_written_is_read(records: list[bytes]) -> None:
    contents = frames.read(segment(records))
    assert contents.records == dict(enumerate(records))
    assert list(contents.records) == sorted(contents.records)
    assert contents.next_number == len(records)
    assert contents.end == len(segment(records))
    assert contents.damaged == 0


@given(st.lists(payloads, min_size=1), st.data())
def test_acknowledged_records_are_not_read(records: list[bytes], data: st.DataObject) -> None:
    done = data.draw(st.sets(st.sampled_from(range(len(records)))))
    contents = frames.read(segment(records) + frames.acknowledgement(MARKER, done))
    assert contents.records == {number: payload for number, payload in enumerate(records) if number not in done}
    assert contents.next_number == len(records)


def test_consecutive_acknowledgements_share_a_frame() -> None:
    one = len(frames.acknowledgement(MARKER, [7]))
    assert len(frames.acknowledgement(MARKER, range(1000))) == one
    assert len(frames.acknowledgement(MARKER, [1, 2, 3, 5, 9, 8])) == 3 * one
    assert frames.acknowledgement(MARKER, []) == b""


@pytest.mark.parametrize("records", [[b"one", b"", b"three" * 10], [MARKER, MARKER * 2]])
def test_cut_off_at_every_byte(records: list[bytes]) -> None:
    whole = segment(records)
    for size in range(len(whole)):
        contents = frames.read(whole[:size])
        intact = [end for end in ends(records) if end <= size]
        assert contents.records == dict(enumerate(records[: len(intact)]))
        assert contents.damaged == 0, "a frame that was not written to its end is no damage"
        assert contents.end == (intact[-1] if intact else frames.HEADER_SIZE)


@pytest.mark.parametrize("records", [[b"one", b"", b"three" * 4, b"four"]])
def test_each_bit_flipped(records: list[bytes]) -> None:
    whole = segment(records)
    for bit in range(frames.HEADER_SIZE * 8, len(whole) * 8):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        hit = next(number for number, end in enumerate(ends(records)) if bit // 8 < end)
        contents = frames.read(bytes(damaged))
        assert contents.records == {number: payload for number, payload in enumerate(records) if number != hit}
        assert contents.damaged == (hit < len(records) - 1)


def test_a_flipped_bit_in_the_header_makes_it_foreign_or_empty() -> None:
    whole = segment([b"one", b"two"])
    for bit in range(frames.HEADER_SIZE * 8):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            assert frames.read(bytes(damaged)).records == {}
        except frames.ForeignError:
            assert bit < 12 * 8


@given(st.lists(payloads, min_size=1), st.data())
def test_overwritten_anywhere(records: list[bytes], data: st.DataObject) -> None:
    whole = segment(records)
    start = data.draw(st.integers(frames.HEADER_SIZE, len(whole) - 1))
    rubbish = data.draw(st.binary(min_size=1, max_size=80) | st.just(MARKER * 4))
    damaged = whole[:start] + rubbish + whole[start + len(rubbish) :]
    contents = frames.read(damaged)
    starts = [frames.HEADER_SIZE, *ends(records)[:-1]]
    for number, payload in enumerate(records):
        if ends(records)[number] <= start or starts[number] >= start + len(rubbish):
            assert contents.records[number] == payload
    for number, payload in contents.records.items():
        assert records[number] == payload


@given(st.binary(max_size=400))
def test_any_bytes_at_all(data: bytes) -> None:
    with pytest.raises(frames.ForeignError):
        frames.read(b"#" + data)
    assert frames.read(frames.header(MARKER) + data).records == {}
    assert frames.read(segment([b"one"]) + data).records == {0: b"one"}


def test_a_record_that_holds_a_segment_is_one_record_even_where_it_is_damaged() -> None:
    forged = segment([b"forged"], OTHER_MARKER)
    whole = bytearray(segment([forged, b"two"]))
    whole[frames.HEADER_SIZE + 8] ^= 1
    assert frames.read(bytes(whole)).records == {1: b"two"}


@pytest.mark.parametrize(
    "data", [b"{}", b"DBXSPOOL" + bytes(12), b"DBXSPOOL\x02" + bytes(40), b"SQLite format 3\0" * 9]
)
def test_other_files_and_other_versions_are_foreign(data: bytes) -> None:
    with pytest.raises(frames.ForeignError):
        frames.read(data)


def test_an_unknown_kind_of_frame_is_passed_over() -> None:
    unknown = frames._frame(MARKER, 9, 1, b"of a later version")
    assert frames.read(segment([b"one"]) + unknown).records == {0: b"one"}
