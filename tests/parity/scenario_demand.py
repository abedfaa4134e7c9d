"""The demand of a random scenario: who asks and when, kinds of actions with their calls, routes, traces."""

import datetime as dt
import json
from typing import Any

from scenario_outline import COMPLEXITIES, Outline
from scenario_quantities import Map

STARTS = (
    ("2026-11-02", "UTC"),
    ("2026-11-02T08:58", "Europe/Berlin"),  # an office's morning
    ("2026-11-02T12:28+02:00", "Asia/Kolkata"),  # hours that begin at the half
    ("2026-10-30T23:58", "America/New_York"),  # into the weekend
    ("2026-10-31T23:58:30", "UTC"),  # into another month
    ("2026-11-01T01:58", "America/New_York"),  # an hour that comes twice
    ("2026-03-29T01:58", "Europe/Berlin"),  # an hour that is left out
    ("2026-11-03T16:28", "UTC"),  # into cheap hours of the price book
    ("2025-06-09T23:58:30", "UTC"),  # into a dated change of the price book
)
"""Starts from which something changes within minutes."""
UNITS = {"s": 1e-3, "ms": 1, "us": 1000, "ns": 1_000_000}


class Demand(Outline):
    """Makes the traffic, the actions and the routes."""

    # Traffic.

    def clock(self) -> Map:
        """Start and lengths of the run; without a timeout something may hang, so that the cooldown must be short."""
        clock: Map = {}
        if not self.replays or self.chance(0.5):
            clock["horizon"] = f"{self.span}s"
        if not self.replays:
            clock["warmup"] = self.pick("0s", self.time(0, 30))
        if self.chance(0.4):
            clock["cooldown"] = self.time(1, 60)
        return clock

    def traffic(self) -> tuple[Map, str, str]:
        """Traffic by rate, users or trace; the start; the text of the trace."""
        start, zone = self.pick(*STARTS) if self.chance(0.6) else STARTS[0]
        traffic: Map = {"timezone": zone} if zone != "UTC" or self.chance(0.2) else {}
        if self.replays:
            trace, text = self.trace()
            return {"trace": trace, **traffic}, start, text
        traffic |= self.process()
        seasonal = self.chance(0.35)
        if seasonal:
            traffic["seasonality"] = self.seasons()
        rate = self.pick(0.5, 1, 2) * (1.5 if seasonal else 1)
        if self.chance(0.55):
            return {"rate": self.pick(f"{rate}/s", f"{60 * rate:g}/min"), **traffic}, start, ""
        return self.users(rate) | traffic, start, ""

    def process(self) -> Map:
        """How the arrivals follow one another."""
        if self.tick_ms:
            return {"process": "deterministic"}
        process = self.pick("poisson", "poisson", "gamma", "weibull", "deterministic")
        traffic: Map = {} if process == "poisson" and self.chance(0.5) else {"process": process}
        return traffic | ({"cv": self.pick(0.5, 1.5)} if process in ("gamma", "weibull") else {})

    def seasons(self) -> Map:
        """Busy and quiet hours; on a clock by factors of 2/3 and 4/3, so that gaps stay whole."""
        if self.tick_ms:
            return {"hours": self.pick([1, 2], [2, 1]) * 12}
        hours = [self.random.randint(1, 4) for _ in range(24)]
        found: Map = {"hours": self.pick("flat", "office", "evening", "global", hours)}
        found |= self.pick({}, {"weekend": self.percent(20, 100)}, {"weekdays": [1, 1, 2, 1, 2, 0.5, 1]})
        return found | ({"months": [1, 1, 2, 1, 1, 2, 1, 1, 1, 1, 2, 1]} if self.chance(0.3) else {})

    def users(self, rate: float) -> Map:
        """Traffic of users, of whom some are on other plans."""
        active = self.pick(24, 864, 4320)
        users: Map = {"daily_active": active, "actions_per_day": rate * 86_400 / active}
        if self.chance(0.2):
            return {"daily_active_users": users["daily_active"], "actions_per_user_per_day": users["actions_per_day"]}
        users |= self.pick({}, {"activity": self.pick("equal", {"zipf": 1.1}, {"lognormal": 1.0})})
        if self.chance(0.75):
            split = self.shares(("free", "paid", "team"))
            users["plans"] = {plan: {"share": split[plan], "priority": self.random.randint(-2, 2)} for plan in split}
            self.pick(*users["plans"].values()).pop("priority")
        return {"users": users}

    # Traces.

    def trace(self) -> tuple[Any, str]:
        """A trace as the scenario names it, and its text."""
        rows, unit = self.rows(), self.pick(*UNITS)
        if self.replays == "azure":
            zero = dt.datetime(2026, 11, 2, 9)
            times = [(zero + dt.timedelta(milliseconds=row["t"])).isoformat(" ") for row in rows]
            named = [
                {"TIMESTAMP": time, "ContextTokens": row["in"], "GeneratedTokens": row["out"]}
                for time, row in zip(times, rows, strict=True)
            ]
            return self.pick("trace.csv", {"file": "trace.csv", "speed": 2}), self.written(named, False)
        if self.replays == "mooncake":
            named = [{"timestamp": row["t"], "input_length": row["in"], "output_length": row["out"]} for row in rows]
            return self.pick("trace.csv", {"file": "trace.csv", "unit": "ms"}), self.written(named, True)
        scaled = [row | {"t": row["t"] * UNITS[unit]} for row in rows]
        return self.columns(unit), self.written(scaled, self.chance(0.7 if self.one_call else 0.3))

    def columns(self, unit: str) -> Map:
        """A trace whose columns are named: the time alone, or the tokens and more."""
        trace: Map = {"file": "trace.csv", "columns": {"time": "t"}, "unit": unit}
        if unit == "s" and self.chance(0.3):
            del trace["unit"]
        observed = {"latency": "seconds", "status": "status", "cost": "usd"}
        trace["columns"] |= {name: observed[name] for name in self.some(tuple(observed), 0)}
        if self.replays == "columns":
            trace["columns"] |= {"input": "in", "output": "out"}
            trace["columns"] |= {"cached": "c"} if self.chance(0.6) else {}
            if self.chance(0.6):
                trace["columns"]["model"] = "model"
                trace["models"] = {"A": self.models[0], "B": self.models[-1]}
        return trace | ({"speed": self.pick(0.5, 2)} if self.chance(0.4) else {})

    def rows(self) -> list[Map]:
        """Rows of a trace in time's order (most of the time), several at one instant."""
        random, now, rows = self.random, 0, list[Map]()
        for _ in range(random.randint(20, 300)):
            now += random.choice((0, 0, 1, 2)) * (self.tick_ms or random.randint(1, 1000))
            row: Map = {"t": now, "in": random.randint(1, 8) * 50, "out": random.randint(0, 15 if self.tick_ms else 60)}
            row |= {"c": random.choice((0, 20, 50, "")), "model": random.choice("AABC")}
            row |= {"seconds": random.choice((0.5, 2, "")), "status": random.choice(("ok", "500", "200"))}
            rows.append(row | {"usd": random.choice((0.001, "0.02", ""))})
        return rows if self.chance(0.8) else rows[::-1]

    def written(self, rows: list[Map], jsonl: bool) -> str:
        """Rows as JSONL or CSV."""
        if jsonl:
            return "".join(json.dumps(row) + "\n" for row in rows)
        return "\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]) + "\n"

    # Actions.

    def actions(self) -> Map:
        """Kinds of actions."""
        split = self.shares(self.kinds)
        actions: Map = {}
        for kind in self.kinds:
            actions[kind] = {"calls": self.stages(kind)}
            if len(self.kinds) > 1 or self.chance(0.3):
                actions[kind]["share"] = split[kind]
            if self.chance(0.6):
                actions[kind]["priority"] = self.random.randint(0, 3)
            if self.complex[kind]:
                actions[kind]["complexity"] = self.shares(COMPLEXITIES)
        return actions

    def stages(self, kind: str) -> list[Map]:
        """Calls in sequence, some of them several at once."""
        if self.one_call:
            return [self.call(kind)]
        stages = []
        for _ in range(self.random.randint(1, 3)):
            if self.chance(0.5 if self.tick_ms else 0.65):
                stages.append(self.call(kind))
            else:
                stages.append({"parallel": [self.call(kind) for _ in range(self.random.randint(1, 4))]})
        return stages

    def call(self, kind: str) -> Map:
        """A call to a model or a step of fixed work."""
        self.calls += 1
        call: Map = {"name": f"call{self.calls}"}
        if self.chance(0.4):
            call["work"] = self.lasting(0, 1)
        if not self.one_call and self.chance(0.3):
            geometric = {"mean": self.pick(1.5, 2), "max": self.random.randint(1, 5)}
            times = self.random.randint(1, 3)
            call["repeat"] = self.pick({"times": times}, times, {"geometric": geometric}, {"geometric": geometric})
        if not self.one_call and self.chance(0.15):
            call.setdefault("work", self.lasting(0, 2))
            return call
        if not (self.one_call and self.chance(0.3)):
            call["input"], call["output"] = self.prompt(), self.answer(kind)
        call |= {"streaming": self.chance(0.5)} if self.chance(0.8) else {}
        call |= {"judged": self.chance(0.5)} if self.chance(0.6) else {}
        return call | self.answered_by(kind)

    def prompt(self) -> Any:
        """Input tokens, by part or in one; rarely so many that a dearer tier of the price book applies."""
        if self.chance(0.15):
            return self.part(400)
        prompt: Map = {"user": self.part(300)} if self.chance(0.9) else {}
        prompt |= {"system": self.pick(100, 200, self.part(300))} if not prompt or self.chance(0.6) else {}
        prompt |= {"retrieved": self.part(200)} if self.chance(0.3) else {}
        long = self.chance(0.05) and not (self.tick_ms and self.slow_prompts)
        return prompt | ({"retrieved": self.pick(150_000, 250_000)} if long else {})

    def part(self, most: int) -> Any:
        """Tokens of a part of a prompt; where each hundred takes a tick, whole hundreds."""
        return self.random.randint(0, most // 100) * 100 if self.tick_ms and self.slow_prompts else self.tokens(most)

    def answer(self, kind: str) -> Any:
        """Output tokens."""
        most = 12 if self.tick_ms == 1000 else 50
        every = self.tokens(most)
        output: Map = every if isinstance(every, dict) else {"all": every}
        if self.complex[kind] and self.chance(0.4):
            by = {name: self.tokens(most) for name in COMPLEXITIES[: self.pick(1, 2, 2)]}
            output = self.pick({"by_complexity": by}, by)
        elif self.chance(0.5):
            output = {"all": every}
        limit = self.random.randint(5, most)
        if self.chance(0.4) and not output.keys() & {"min", "max"}:
            output |= {"max": limit}
        return every if output == {"all": every} and self.chance(0.3) else output

    # Routes.

    def answered_by(self, kind: str) -> Map:
        """A model, or a route of the call's own."""
        name = f"route{self.calls}"
        way = self.pick("model", "model", "route", "mix", "mix", "by", "by", "cascade", "cascade")
        made: Map | None = getattr(self, f"route_{way}")(kind)
        if made is None:
            return {"model": self.pick(*self.models)}
        self.routes[name] = made
        return {"route": name}

    def route_model(self, kind: str) -> Map | None:
        """No route."""
        return None

    def route_route(self, kind: str) -> Any:
        """Always the same model, in the long or the short form."""
        model = self.pick(*self.models)
        return self.pick(model, {"model": model})

    def route_mix(self, kind: str) -> Map:
        """By weight."""
        return {"mix": self.shares(self.models)}

    def route_by(self, kind: str) -> Map | None:
        """By complexity, some of it wrong."""
        if not self.complex[kind]:
            return None
        names = COMPLEXITIES + (() if all(self.complex.values()) else ("any",))
        route: Map = {"by": "complexity", "to": {one: self.pick(*self.models) for one in names}}
        return route | ({"misrouted": {one: self.percent(0, 30) for one in COMPLEXITIES}} if self.chance(0.7) else {})

    def route_cascade(self, kind: str) -> Map | None:
        """Cheap first."""
        if len(self.models) == 1:
            return None
        names = COMPLEXITIES if self.complex[kind] else ("any",)
        return {"cascade": self.some(self.models, 2), "escalate": {one: self.percent(0, 100) for one in names}}
