"""Prompt caches: each deployment keeps how prompts began, and reads it when another begins alike."""

from typing import TYPE_CHECKING

from simkit.engine.reference.prompt import Piece
from simkit.engine.reference.store import Entry, Store
from simkit.laws.store import is_fresh, readable

if TYPE_CHECKING:
    from simkit.engine.reference.attempt import Attempt
    from simkit.engine.reference.call import Call
    from simkit.engine.reference.world import World


def pieces(call: "Call") -> list[Piece]:
    """What a call's prompt begins with, piece after piece: a trace's blocks, or the system prompt and what was said."""
    prompt, action, name = call.prompt, call.action, call.world.kinds.name[call.index]
    blocks = call.world.blocks(prompt.row)
    if blocks:
        size = call.world.prompt_rules.block[0]
        ends = (min(size * (j + 1), prompt.tokens_in) for j in range(len(blocks)))
        return [(("block", block), end) for block, end in zip(blocks, ends, strict=True)]
    found: list[Piece] = []
    system, before, seen = prompt.system, prompt.before, prompt.history
    if system > 0:
        found.append((("system", name), system))
    if before > 0:
        found.append((("history", name, action.visitor, action.summaries, prompt.cuts), system + before))
    if seen > before:
        found.append((("loop", name, action.number, prompt.cuts), system + seen))
    return found


class Prefixes:
    """The prompt caches of all deployments."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.rules = world.prompt_rules
        self.stores: list[Store[tuple[object, ...]]] = [Store() for _ in world.stations]
        self.longest = world.plan.prompts.ttl.max(axis=0).tolist()
        """The longest life that an entry has at any time: what is older is of no use any more."""

    def empty(self) -> None:
        """All goes."""
        for store in self.stores:
            store.clear()

    def look(self, attempt: "Attempt") -> None:
        """What of the prompt is there now, and what will have to be written; nothing is touched."""
        if attempt.is_batch:
            return
        n, e = attempt.deployment, self.world.epoch
        minimum, step = self.rules.minimum[e][n], self.rules.step[e][n]
        prompt = attempt.prompt
        if prompt.pieces is None:
            prompt.pieces = pieces(attempt.call)
        found = prompt.pieces
        prefix = found[-1][1] if found else 0
        attempt.run = self.run(n, found)
        attempt.cached = readable(attempt.run, minimum, step)
        attempt.written = readable(prefix, minimum, step) - attempt.cached
        attempt.visits = bool(found) and prefix >= minimum

    def run(self, deployment: int, found: list[Piece]) -> int:
        """The longest beginning of a prompt that is there."""
        run = 0
        for key, end in found:
            entry = self.stores[deployment].get(key)
            if entry is None or not self.is_fresh(deployment, entry):
                break
            run = min(entry.end, end)
            if entry.end < end:
                break
        return run

    def is_fresh(self, deployment: int, entry: Entry) -> bool:
        """Is it still kept?"""
        ttl: int = self.rules.ttl[self.world.epoch][deployment]
        return is_fresh(entry.born, ttl, self.world.clock.now)

    def visit(self, attempt: "Attempt") -> None:
        """The first token comes: the prompt has been read, and is kept; the beginning longest."""
        n = attempt.deployment
        store, found = self.stores[n], attempt.prompt.pieces or []
        before = [0, *(end for _, end in found)]
        for (key, end), begin in zip(reversed(found), reversed(before[:-1]), strict=True):
            self.keep(attempt, key, begin, end)
        while store.size > self.rules.capacity[self.world.epoch][n]:
            store.evict()
        self.sweep(n)

    def keep(self, attempt: "Attempt", key: tuple[object, ...], begin: int, end: int) -> None:
        """Keep a piece that stands in the prompt from `begin` to `end`."""
        n, now = attempt.deployment, self.world.clock.now
        store, refresh = self.stores[n], self.rules.refresh[n]
        entry = store.get(key)
        if entry is not None and not self.is_fresh(n, entry):
            store.drop(key)
            entry = None
        if entry is None:
            if refresh or end > attempt.run:  # else its life ended while it was read
                store.add(key, Entry(now, end=end, size=end - begin))
            return
        if refresh or end > entry.end:
            entry.born = now
        entry.end = max(entry.end, end)
        store.resize(entry, entry.end - begin)
        store.touch(key)

    def sweep(self, deployment: int) -> None:
        """Forget what will never be read again."""
        store, oldest = self.stores[deployment], self.world.clock.now - self.longest[deployment]
        while len(store) and store.entries[store.next_to_go()].born <= oldest:
            store.evict()
