"""The reference engine's store against a plain list that is sorted anew each time."""

from random import Random

import pytest

from simkit.engine.reference.store import Entry, Store


class Naive:
    """Keys with how often and when they were last touched; the least goes."""

    def __init__(self, counts: int) -> None:
        self.counts, self.clock = counts, 0
        self.touched: dict[int, tuple[int, int]] = {}

    def at(self, key: int, uses: int) -> None:
        self.clock += 1
        self.touched[key] = (min(uses, self.counts), self.clock)

    def first(self) -> int:
        return min(self.touched, key=self.touched.__getitem__)


@pytest.mark.parametrize("counts", [0, 1, 3, 255])
def test_what_goes_first(counts: int) -> None:
    random, store, naive = Random(counts), Store[int](counts), Naive(counts)
    sizes: dict[int, int] = {}
    for _ in range(5000):
        key = int(random.paretovariate(0.7)) % 40
        if key not in naive.touched:
            store.add(key, Entry(0, size=key))
            sizes[key] = key
            naive.at(key, 0)
        elif random.random() < 0.1:
            store.renew(key)
            naive.at(key, naive.touched[key][0])
        elif random.random() < 0.1:
            entry = store.get(key)
            assert entry is not None
            store.resize(entry, 3 * key)
            sizes[key] = 3 * key
        elif random.random() < 0.1:
            store.drop(key)
            del naive.touched[key], sizes[key]
        else:
            store.touch(key)
            naive.at(key, naive.touched[key][0] + 1)
        while len(store) > 12:
            gone = store.next_to_go()
            assert gone == naive.first()
            store.evict()
            assert store.get(gone) is None
            del naive.touched[gone], sizes[gone]
        assert (len(store), store.size) == (len(sizes), sum(sizes.values()))
    store.clear()
    assert (len(store), store.size) == (0, 0)
