"""Circuit breakers: places (deployments or providers) that have failed are left alone for a while."""

from typing import TYPE_CHECKING

import numpy as np

from simkit.engine.log import DID_NOT
from simkit.engine.reference.outliers import Outliers
from simkit.laws.backoff import heard_ns
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
        self.outliers = Outliers(world, self) if self.rules.outliers[0] else None

    def place(self, deployment: int) -> int:
        """Whose breaker a deployment hangs on: its own, or its provider's."""
        provider: int = self.world.deployments.provider[deployment]
        return provider if self.by_provider else deployment

    def look(self, replica: int, place: int) -> int:
        """State of a breaker now."""
        probes: int = self.rules.probes[self.world.epoch]
        return breaker_look(self.states[replica][place], self.world.clock.now, probes)

    def usable(self, replica: int, model: int, chain: list[int]) -> list[int]:
        """Those of a model's deployments that may be asked: closed or with a probe to spare; all of them in a panic."""
        probes, deployments = self.rules.probes[self.world.epoch], self.world.deployments_of[model]
        if self.panics(replica, chain if self.rules.panic_chain[0] else [model]):
            return deployments
        looks = [self.look(replica, self.place(n)) for n in deployments]
        return [
            n
            for n, look in zip(deployments, looks, strict=True)
            if look == CLOSED or (look == HALF_OPEN and self.states[replica][self.place(n)][PROBING] < probes)
        ]

    def panics(self, replica: int, models: list[int]) -> bool:
        """Are too few of some models' deployments left?"""
        panic: int = self.rules.panic_ppb[self.world.epoch]
        if panic == 0:
            return False
        deployments = [n for model in models for n in self.world.deployments_of[model]]
        closed = sum(self.look(replica, self.place(n)) != OPEN for n in deployments)
        return closed * PPB < panic * len(deployments)

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
        if self.outliers is not None:
            self.outliers.count(replica, place, good, bad)
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
            self.open_for(attempt)
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
            self.open_for(attempt)

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

    def open_for(self, attempt: "Attempt") -> None:
        """An attempt was one too many for its place."""
        said = heard_ns(attempt.retry_after, self.world.inner.retry_after_unit[self.world.epoch])
        self.open(attempt.action.replica, self.place(attempt.deployment), attempt.model, said)

    def open(self, replica: int, place: int, model: int, said: int) -> None:
        """Leave a place alone for a while (it may have `said` how long), unless too many are open already."""
        rules, e, now = self.rules, self.world.epoch, self.world.clock.now
        state = self.states[replica][place]
        if self.too_many_open(replica, model):
            return
        sweep: int = rules.sweep[e]
        calm = 0
        if sweep > 0 and state[OPENINGS] > 0 and state[STATE] == CLOSED:
            calm = max(0, (now - 1) // sweep - int(state[UNTIL]) // sweep)
        openings = max(0, int(state[OPENINGS]) - calm) + 1
        grows, told = bool(rules.grows[0]), bool(rules.from_retry_after[0])
        until = cooldown_ns(now, rules.cooldown[e], rules.cooldown_max[e], grows, openings, said, told)
        state[STATE], state[OPENINGS], state[UNTIL] = OPEN, openings, swept(until, sweep)
        state[GENERATION] += 1
        state[PROBING] = state[PROVED] = 0
        if rules.forget[0]:
            self.forget(state)
        self.write(replica, place, OPEN, int(state[UNTIL]))

    def too_many_open(self, replica: int, model: int) -> bool:
        """Is the share open already that may be open at most: of the model's deployments, or of the providers?"""
        places = self.places if self.by_provider else self.world.deployments_of[model]
        opened = sum(self.look(replica, place) == OPEN for place in places)
        most: int = self.rules.max_open_ppb[self.world.epoch]
        return opened * PPB >= most * len(places)

    def close(self, attempt: "Attempt", state: Ints) -> None:
        """The probes have proved the place well."""
        state[STATE] = CLOSED
        state[GENERATION] += 1
        state[OPENINGS] = 0
        self.forget(state)
        self.write(attempt.action.replica, self.place(attempt.deployment), CLOSED, DID_NOT)

    @staticmethod
    def forget(state: Ints) -> None:
        """Begin to count anew."""
        state[STREAK] = 0
        window_clear(state[WINDOW:])

    def write(self, replica: int, place: int, state: int, until: int) -> None:
        """A row of the log."""
        shown = -1 - place if self.by_provider else place
        self.world.recorder.breaker(self.world.clock.now, replica, shown, state, until)
