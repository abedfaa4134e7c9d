"""What becomes of a request: the provider's side of a scenario, by the same plan, laws and draws as the simulator.

Who asks, when and how often is not decided here: that is what the real clients are for.
"""

from dataclasses import dataclass
from math import ceil

from simkit.engine.log import Log
from simkit.engine.reference.dice import Dice
from simkit.laws.bucket import bucket_charge, bucket_cost, bucket_excess
from simkit.laws.draws import Stream, code_of
from simkit.laws.failure import combined_rate, drawn_kind
from simkit.laws.latency import answer_ns, first_token_ns
from simkit.plan.codes import Kind
from simkit.plan.plan import NEVER, Plan

TAKES_TIME, TAKES_FIRST_TOKEN = 0, 1
SECOND = 10**9


@dataclass(frozen=True)
class Question:
    """An action of the simulation: the real client asks the same at the same time."""

    number: int
    arrival: int
    tokens_in: int
    tokens_out: int


@dataclass
class Sent:
    """A request as the provider sees it."""

    action: int
    rung: int
    number: int
    deployment: int
    at: int
    kind: Kind
    takes: int
    """Until the answer or the error, ns; NEVER: it hangs."""
    retry_after: int = 0
    ended: int = -1

    @property
    def code(self) -> int:
        """Its code within the action, as the simulator's draws have it."""
        return code_of(0, 0, self.rung, self.number, 0)


def questions(log: Log) -> list[Question]:
    """The actions of a simulated run, with the tokens of their first attempt."""
    tokens = {}
    for action, t_in, t_out in zip(*(log.attempts[c] for c in ("action", "tokens_in", "tokens_out")), strict=True):
        tokens.setdefault(int(action), (int(t_in), int(t_out)))
    pairs = zip(log.actions["action"].tolist(), log.actions["arrival"].tolist(), strict=True)
    return sorted((Question(n, at, *tokens[n]) for n, at in pairs), key=lambda question: question.arrival)


class Provider:
    """All deployments of a scenario: incidents, everyday errors, rate limits, latencies."""

    def __init__(self, plan: Plan, asked: list[Question], seed: int) -> None:
        self.plan = plan
        self.dice = Dice(seed, 0, plan.dists)
        self.asked = {question.number: question for question in asked}
        self.tat = [-NEVER] * len(plan.limits.measure)
        self.story: dict[int, list[Sent]] = {}
        """What came of each action, in the order in which it came."""

    def models(self, action: int) -> list[int]:
        """The models that may be asked, in order: there is one base model."""
        chain = self.plan.models.fallback[0]
        return [0, *(int(model) for model in chain if model >= 0)]

    def tries(self, action: int, model: int) -> int:
        """How often the action has asked this model."""
        of = self.plan.deployments.model
        return sum(int(of[sent.deployment]) == model for sent in self.story.get(action, []))

    def receive(self, action: int, deployment: int, now: int) -> Sent:
        """A request comes in."""
        if action not in self.asked:
            return Sent(action, 0, 0, deployment, now, Kind.OK, 0)
        model = int(self.plan.deployments.model[deployment])
        rung, number = self.models(action).index(model), self.tries(action, model)
        sent = Sent(action, rung, number, deployment, now, Kind.OK, 0)
        self.story.setdefault(action, []).append(sent)
        sent.retry_after = self.excess(deployment, now)
        if sent.retry_after > 0:
            sent.kind, sent.takes = Kind.RATE_LIMIT, self.failure_time(Kind.RATE_LIMIT)
        else:
            self.serve(sent)
        return sent

    def serve(self, sent: Sent) -> None:
        """How it ends, and after how long."""
        rate, kind, slowdown, _ = self.weather(sent.deployment, sent.at)
        u, _ = self.dice.pair(Stream.ATTEMPT, sent.action, sent.code, 1)
        errors = self.plan.deployments.errors[0][sent.deployment]
        sent.kind = self.call_error(sent) or Kind(drawn_kind(u, rate, kind, errors))
        first, answered = self.latency(sent, slowdown)
        takes = self.plan.policy.takes[sent.kind]
        if sent.kind == Kind.OK:
            sent.takes = answered
        elif sent.kind == Kind.TIMEOUT:
            sent.takes = NEVER
        else:
            sent.takes = first if takes == TAKES_FIRST_TOKEN else self.failure_time(sent.kind)

    def call_error(self, sent: Sent) -> Kind:
        """A failure that the call meets at this model however often it is tried, or OK."""
        model = int(self.plan.deployments.model[sent.deployment])
        u, _ = self.dice.pair(Stream.CALL_ERROR, sent.action, model)
        return Kind(drawn_kind(u, 0.0, int(Kind.OK), self.plan.models.errors[0][model]))

    def latency(self, sent: Sent, slowdown: float) -> tuple[int, int]:
        """Until the first token, and until the last."""
        question, n, supply = self.asked[sent.action], sent.deployment, self.plan.deployments
        u, v = self.dice.pair(Stream.ATTEMPT, sent.action, sent.code, 0)
        ttft, speed = self.dice.value(supply.ttft[0][n], u), self.dice.value(supply.speed[0][n], v)
        first = first_token_ns(ttft, supply.ttft_per_token[0][n], question.tokens_in, slowdown)
        return first, first + answer_ns(question.tokens_out, speed, slowdown)

    def failure_time(self, kind: Kind) -> int:
        """How long a failure takes that has a (constant) time of its own."""
        assert self.plan.policy.takes[kind] == TAKES_TIME
        return self.dice.count(self.plan.policy.takes_time[0][kind], 0.5)

    def weather(self, deployment: int, now: int) -> tuple[float, int, float, float]:
        """Error rate, kind of error, slowdown and share of the limits that is left, of all incidents together."""
        plan, rate, kind, slowdown, quota, worst = self.plan.incidents, 0.0, int(Kind.SERVER_ERROR), 1.0, 1.0, -1.0
        for source, (start, end) in enumerate(zip(plan.start, plan.end, strict=True)):
            row = plan.scheduled_severity[source]
            if not start <= now < end or not plan.hits[source][deployment]:
                continue
            if plan.error_rate[row] > worst:
                worst, kind = float(plan.error_rate[row]), int(plan.error_kind[row])
            rate = combined_rate(rate, float(plan.error_rate[row]))
            slowdown *= float(plan.slowdown[row])
            quota *= float(plan.quota[row])
        return rate, kind, slowdown, quota

    def excess(self, deployment: int, now: int) -> int:
        """Retry-After of the limits on requests; 0: they let it through, and are charged."""
        limits, supply = self.plan.limits, self.plan.deployments
        mine = supply.limits[supply.first_limit[deployment] : supply.first_limit[deployment + 1]].tolist()
        left = self.weather(deployment, now)[3]
        costs = {b: bucket_cost(1, limits.ns_per_unit[0][b][0], left) for b in mine}
        most = max((bucket_excess(self.tat[b], now, costs[b], limits.burst[0][b]) for b in mine), default=0)
        if most <= 0:
            self.tat = [bucket_charge(tat, now, costs[b]) if b in costs else tat for b, tat in enumerate(self.tat)]
        return max(most, 0)

    def last(self, action: int) -> Sent:
        """The action's last request."""
        return self.story[action][-1]

    def backoff_luck(self, action: int) -> float:
        """The draw that the wait after the action's last request has."""
        return self.dice.pair(Stream.ATTEMPT, action, self.last(action).code, 2)[0]

    def balance_luck(self, action: int, model: int) -> float:
        """The draw that decides which of the model's deployments the action asks next."""
        code = code_of(0, 0, self.models(action).index(model), self.tries(action, model), 0)
        return self.dice.pair(Stream.ATTEMPT, action, code, 2)[1]


def retry_after_header(form: str, retry_after: int) -> dict[str, str]:
    """How a provider says Retry-After: in whole `seconds`, rounded up, `exact`, or not at all (`none`)."""
    if form == "none" or retry_after <= 0:
        return {}
    seconds = retry_after / SECOND
    return {"retry-after": str(ceil(round(seconds, 6))) if form == "seconds" else f"{seconds:.9f}"}
