"""Philox against its published known-answer vectors, and what a draw is a function of."""

import numpy as np
import pytest

from simkit.laws.draws import Stream, code_of, pair, philox

# Random123's kat_vectors for philox4x32, 10 rounds (Salmon et al. 2011): counter, key, result.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_known_answers(counter: tuple[int, ...], key: tuple[int, ...], expected: tuple[int, ...]) -> None:
    words = philox(*(np.uint64(w) for w in (*counter, *key)))
    assert tuple(int(w) for w in words) == expected


def test_a_draw_depends_on_every_part_of_its_key() -> None:
    base = (1, 2, int(Stream.ATTEMPT), 3 << 34, 5, 6)
    draws = {base: pair(*base)}
    for i in range(6):
        other = tuple(part + (j == i) for j, part in enumerate(base))
        draws[other] = pair(*other)
    assert len(set(draws.values())) == 7
    assert pair(*base) == draws[base]


def test_uniform_in_the_open_interval() -> None:
    draws = np.array([pair(7, 0, 1, n, 0, 0) for n in range(20_000)]).ravel()
    assert draws.min() > 0
    assert draws.max() < 1
    counts, _ = np.histogram(draws, bins=64, range=(0, 1))
    expected = len(draws) / 64
    chi2 = float(((counts - expected) ** 2 / expected).sum())
    assert abs(chi2 - 63) < 3 * np.sqrt(2 * 63)


def test_both_halves_are_independent() -> None:
    draws = np.array([pair(7, 0, 1, n, 0, 0) for n in range(20_000)])
    assert abs(np.corrcoef(draws.T)[0, 1]) < 3 / np.sqrt(len(draws))


def test_codes_of_rungs_below_16_are_unique_and_ordered() -> None:
    places = [(c, r, g, a, h) for c in (0, 1, 31) for r in (0, 511) for g in (0, 15) for a in (0, 31) for h in (0, 1)]
    codes = [code_of(*place) for place in sorted(places)]
    assert codes == sorted(set(codes))
    assert max(codes) < 2**25


def test_codes_of_all_rungs_are_unique() -> None:
    codes = [code_of(3, 511, rung, attempt, h) for rung in range(32) for attempt in range(32) for h in (0, 1)]
    assert len(set(codes)) == len(codes)
    assert {code & ~((1 << 11) - 1) for code in codes} == {code_of(3, 511, 0, 0, 0)}


def test_codes_are_what_they_were_before_there_were_32_rungs() -> None:
    assert code_of(3, 5, 7, 9, 1) == (3 << 20) | (5 << 11) | (7 << 7) | (9 << 2) | 1
    assert code_of(0, 0, 16, 0, 0) == 2


def test_streams_keep_their_numbers() -> None:
    later = (Stream.REPLICA, Stream.SLOWNESS, Stream.PATIENCE, Stream.DEGRADE, Stream.RESPONSE)
    assert [int(stream) for stream in later] == [17, 18, 19, 20, 21]
    assert (int(Stream.GAP), int(Stream.ATTEMPT), int(Stream.ESCALATE)) == (1, 12, 16)
