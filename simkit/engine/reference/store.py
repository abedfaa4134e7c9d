"""A store: the entries of a cache by key, in the order in which they go when it is full."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


@dataclass(slots=True)
class Entry:
    """Something kept."""

    born: int
    """From when its life counts."""
    good: int = -1
    """Of an answer: is it right for the user (-1: not judged)?"""
    end: int = 0
    """Of a piece of a prompt: where in the prompt it ends, in tokens."""
    size: int = 0
    """Of a piece of a prompt: its tokens."""
    uses: int = 0
    """How often it was used, as far as that is counted."""


class Store(Generic[Key]):
    """The least used goes first; of those that were used alike, the one touched longest ago.

    Uses are counted up to `counts`: with 0 the least recently used goes.
    """

    def __init__(self, counts: int = 0) -> None:
        self.counts = counts
        self.entries: dict[Key, Entry] = {}
        self.rows: dict[int, OrderedDict[Key, None]] = {}
        """Keys by uses, the one touched longest ago first; no row is empty."""
        self.size = 0
        """Of all entries together."""

    def __len__(self) -> int:
        return len(self.entries)

    def get(self, key: Key) -> Entry | None:
        """The entry of a key."""
        return self.entries.get(key)

    def add(self, key: Key, entry: Entry) -> None:
        """A new entry, kept longest of those that were never used."""
        self.entries[key] = entry
        self.size += entry.size
        self.line_up(key, entry.uses)

    def touch(self, key: Key) -> None:
        """Once more used: it goes behind the last that was used as often."""
        entry = self.entries[key]
        self.step_out(key, entry.uses)
        entry.uses = min(entry.uses + 1, self.counts)
        self.line_up(key, entry.uses)

    def renew(self, key: Key) -> None:
        """Written anew, which is no use: it goes behind the last that was used as often."""
        self.rows[self.entries[key].uses].move_to_end(key)

    def resize(self, entry: Entry, size: int) -> None:
        """An entry takes another size."""
        self.size += size - entry.size
        entry.size = size

    def drop(self, key: Key) -> None:
        """An entry goes."""
        entry = self.entries.pop(key)
        self.size -= entry.size
        self.step_out(key, entry.uses)

    def line_up(self, key: Key, uses: int) -> None:
        """Behind the last of its row."""
        self.rows.setdefault(uses, OrderedDict())[key] = None

    def step_out(self, key: Key, uses: int) -> None:
        """Out of its row."""
        row = self.rows[uses]
        del row[key]
        if not row:
            del self.rows[uses]

    def next_to_go(self) -> Key:
        """The key of the first to go."""
        return next(iter(self.rows[min(self.rows)]))

    def evict(self) -> None:
        """The first to go goes."""
        self.drop(self.next_to_go())

    def clear(self) -> None:
        """Empty it."""
        self.entries.clear()
        self.rows.clear()
        self.size = 0
