"""Circuit breakers: places (deployments or providers) that have failed are left alone for a while."""

from typing import TYPE_CHECKING

import numpy as np

from simkit.engine.log import DID_NOT
from simkit.laws.breaker import (
    CLOSED,
    GENERATION,
    HALF_OPEN,
    OPEN,
    OPENINGS,
    PPB,
    PROBING,
    PROVED,
    SIZE,
    STATE,
    STREAK,
    UNTIL,
    WINDOW,
    breaker_due,
    breaker_look,
    cooldown_ns,
    swept,
)
from simkit.laws.window import FIRST, SECOND, window_at, window_clear
from simkit.plan.codes import Kind, Mark
from simkit.plan.plan import Ints

if TYPE_CHECKING:
    from simkit.engine.reference.attempt import Attempt
    from simkit.engine.reference.world import World

OK = int(Kind.OK)


def new_breaker() -> Ints:
    """A closed breaker that has seen nothing."""
    state = np.zeros(SIZE, np.int64)
    window_clear(state[WINDOW:])
    return state


class Breakers:
    """The breakers of all replicas of the inner layer."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.rules = world.breaker
        self.rates = world.plan.breaker
        self.by_provider = bool(self.rules.by_provider[0])
        deployments, providers = len(world.plan.deployments.model), len(world.plan.names.providers)
        self.places = list(range(providers if self.by_provider else deployments))
        self.states = [[new_breaker() for _ in self.places] for _ in range(world.plan.inner.replicas[0])]

    def place(self, deployment: int) -> int:
        """Whose breaker a deployment hangs on: its own, or its provider's."""
        provider: int = self.world.deployments.provider[deployment]
        return provider if self.by_provider else deployment

    def look(self, replica: int, place: int) -> int:
        """State of a breaker now."""
        probes: int = self.rules.probes[self.world.epoch]
        return breaker_look(self.states[replica][place], self.world.clock.now, probes)

    def usable(self, replica: int, deployments: list[int]) -> list[int]:
        """Those that may be asked: closed or with a probe to spare; all of them when too few are left."""
        probes = self.rules.probes[self.world.epoch]
        looks = [self.look(replica, self.place(n)) for n in deployments]
        closed = sum(look != OPEN for look in looks)
        panic: int = self.rules.panic_ppb[self.world.epoch]
        if panic > 0 and closed * PPB < panic * len(deployments):
            return deployments
        return [
            n
            for n, look in zip(deployments, looks, strict=True)
            if look == CLOSED or (look == HALF_OPEN and self.states[replica][self.place(n)][PROBING] < probes)
        ]

    def sent(self, attempt: "Attempt") -> None:
        """An attempt goes out: it belongs to this generation; one to a half open place is a probe."""
        replica, place = attempt.action.replica, self.place(attempt.deployment)
        state, look = self.states[replica][place], self.look(replica, place)
        attempt.generation = int(state[GENERATION])
        if look == HALF_OPEN:
            state[PROBING] += 1
            attempt.mark(Mark.PROBE)
        elif look == OPEN:
            attempt.mark(Mark.BYPASS)

    def learn(self, attempt: "Attempt", kind: int) -> None:
        """An attempt has ended."""
        replica, place = attempt.action.replica, self.place(attempt.deployment)
        state, look = self.states[replica][place], self.look(replica, place)
        is_news = attempt.generation == int(state[GENERATION])
        if kind == Kind.CANCELLED:
            state[PROBING] -= int(look == HALF_OPEN and is_news)
            return
        bad = bool(self.rules.counts[kind])
        good = kind == OK or (bool(self.rules.others_healthy[0]) and not bad)
        if not is_news and self.rules.forget[0]:
            return
        if look == HALF_OPEN and is_news:
            self.probed(attempt, state, good, bad)
        elif look == CLOSED:
            self.note(attempt, kind, state, good, bad)
        elif not self.rules.forget[0]:
            self.count(state, good, bad)

    def probed(self, attempt: "Attempt", state: Ints, good: bool, bad: bool) -> None:
        """A probe has ended: a failure opens again, enough successes close."""
        state[PROBING] -= 1
        if bad:
            self.open(attempt, state)
        elif good:
            state[PROVED] += 1
            if state[PROVED] == self.rules.probes[self.world.epoch]:
                self.close(attempt, state)

    def note(self, attempt: "Attempt", kind: int, state: Ints, good: bool, bad: bool) -> None:
        """A result of a closed place: counted, and perhaps one too many."""
        self.count(state, good, bad)
        if bad:
            state[STREAK] += 1
        elif good:
            state[STREAK] = 0
        peer = self.world.has_peers[attempt.model]
        at_once = bool(self.rules.at_once[kind]) and (peer or not self.rules.at_once_peer[0])
        if at_once or (bad and bool(self.rules.trips_on[kind]) and self.is_due(state, peer)):
            self.open(attempt, state)

    def count(self, state: Ints, good: bool, bad: bool) -> None:
        """Into the window."""
        if good or bad:
            rules, e, world = self.rules, self.world.epoch, self.world
            window = state[WINDOW:]
            cell = window_at(window, rules.window_kind[0], world.clock.now, world.plan.start_utc, rules.window[e])
            window[(SECOND if bad else FIRST) + cell] += 1

    def is_due(self, state: Ints, peer: bool) -> bool:
        """Do the counts say that it should open?"""
        rules, rates, e = self.rules, self.rates, self.world.epoch
        numbers = rates.rate_ppb[e], rates.rate_strict, rates.rate_of[e], rates.rate_peer
        return breaker_due(state, rules.consecutive[e], rules.failures[e], *numbers, peer)

    def open(self, attempt: "Attempt", state: Ints) -> None:
        """Leave the place alone for a while, unless too many are open already."""
        rules, e, now = self.rules, self.world.epoch, self.world.clock.now
        if self.too_many_open(attempt):
            return
        sweep: int = rules.sweep[e]
        calm = 0
        if sweep > 0 and state[OPENINGS] > 0 and state[STATE] == CLOSED:
            calm = max(0, (now - 1) // sweep - int(state[UNTIL]) // sweep)
        openings = max(0, int(state[OPENINGS]) - calm) + 1
        grows, told = bool(rules.grows[0]), bool(rules.from_retry_after[0])
        until = cooldown_ns(now, rules.cooldown[e], rules.cooldown_max[e], grows, openings, attempt.retry_after, told)
        state[STATE], state[OPENINGS], state[UNTIL] = OPEN, openings, swept(until, sweep)
        state[GENERATION] += 1
        state[PROBING] = state[PROVED] = 0
        if rules.forget[0]:
            self.forget(state)
        self.write(attempt, OPEN, int(state[UNTIL]))

    def too_many_open(self, attempt: "Attempt") -> bool:
        """Is the share open already that may be open at most?"""
        places = self.places
        if not self.by_provider:
            places = self.world.deployments_of[attempt.model]
        opened = sum(self.look(attempt.action.replica, place) == OPEN for place in places)
        most: int = self.rules.max_open_ppb[self.world.epoch]
        return opened * PPB >= most * len(places)

    def close(self, attempt: "Attempt", state: Ints) -> None:
        """The probes have proved the place well."""
        state[STATE] = CLOSED
        state[GENERATION] += 1
        state[OPENINGS] = 0
        self.forget(state)
        self.write(attempt, CLOSED, DID_NOT)

    @staticmethod
    def forget(state: Ints) -> None:
        """Begin to count anew."""
        state[STREAK] = 0
        window_clear(state[WINDOW:])

    def write(self, attempt: "Attempt", state: int, until: int) -> None:
        """A row of the log."""
        place = self.place(attempt.deployment)
        shown = -1 - place if self.by_provider else place
        self.world.recorder.breaker(self.world.clock.now, attempt.action.replica, shown, state, until)
