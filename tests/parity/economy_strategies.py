"""Random valid scenarios with what spares money or limits it: caches, conversations, quotas, budgets, batch.

It is put into those of `scenario_strategies`, which know nothing of it. Numbers are small,
so that caches are full, lives end and budgets are spent within minutes.
"""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from scenario_quantities import Map
from scenario_strategies import Addition, Case, Maker


def thrifty(random: Random) -> Case:
    """One scenario; of every two one has the mechanisms of resilience, too."""
    maker = Maker(random)
    return Economy(maker, maker.case()).made()


class Economy(Addition):
    """Puts the mechanisms of money into a scenario, each into some."""

    def __init__(self, maker: Maker, case: Case) -> None:
        super().__init__(maker, case)
        self.traffic: Map = self.whole["traffic"]
        self.actions: Map = self.whole.get("actions", {})

    def made(self) -> Case:
        """The scenario with all of it."""
        self.say_keys()
        self.talk()
        self.caches()
        self.cheaper()
        self.budgets()
        self.quotas()
        self.batch()
        self.stale()
        self.whole.setdefault("cooldown", "65min")  # not the night until people are back
        if "changes" in self.whole and self.often(0.7):
            self.changes()
        self.tiers()
        return Case(self.whole, self.trace)

    # The trace.

    def say_keys(self) -> None:
        """Questions and blocks in a trace, where its columns are named."""
        self.has_keys = self.has_blocks = False
        trace = self.traffic.get("trace")
        if not isinstance(trace, dict) or "columns" not in trace:
            return
        self.has_keys = self.often(0.7)
        self.has_blocks = self.maker.replays == "columns" and self.trace.startswith("{") and self.often(0.9)
        trace["columns"] |= {"key": "k"} if self.has_keys else {}
        if self.has_blocks:
            trace["columns"]["blocks"] = "b"
            trace["block"] = self.random.choice((20, 50, 100))
        trace |= {"spread": "0.1ms"} if self.often(0.3) else {}
        self.trace = "".join(line + "\n" for line in self.with_keys(self.trace.splitlines()))

    def with_keys(self, lines: list[str]) -> Iterator[str]:
        """Rows with a question, and with blocks that begin alike."""
        for i, line in enumerate(lines):
            key: Any = self.random.choice(("a", "b", "c", "d", ""))
            if line.startswith("{"):
                blocks = [self.random.randint(0, 1) * 100 + j for j in range(self.random.randint(0, 6))]
                yield json.dumps(json.loads(line) | {"k": key, "b": blocks})
            else:
                yield line + ("," + ("k" if i == 0 else key) if self.has_keys else "")

    # Calls.

    def calls(self) -> Iterator[tuple[Map, bool]]:
        """All calls, and whether others run beside them."""
        for kind in self.actions.values():
            for stage in kind["calls"]:
                for call in stage.get("parallel", [stage]):
                    yield call, "parallel" in stage

    def talk(self) -> None:
        """Conversations, loops, reasoning, tools, retrieved texts."""
        if "trace" not in self.traffic and self.actions and self.often(0.7):
            turns = self.random.choice((2, 3, 4, {"geometric": {"mean": 3, "max": 5}}))
            self.traffic["sessions"] = {"turns": turns, "think": self.maker.lasting(0, 5)}
        for call, _ in self.calls():
            if "work" in call and self.often(0.3):
                call["work_cost"] = "$0.001"
            if "output" in call:
                self.speak(call)
        for name, kind in self.actions.items():
            kind |= {"cacheable": self.maker.percent(20, 100)} if self.often(0.3) else {}
            if "trace" not in self.traffic and self.often(0.9):
                self.summarise(name, kind["calls"])

    def speak(self, call: Map) -> None:
        """What one call says."""
        random, maker = self.random, self.maker
        if self.often(0.3) and "repeat" not in call:
            call["cached"] = self.often()
        prompt = call["input"]
        if isinstance(prompt, dict) and prompt.keys() <= {"user", "system", "retrieved"}:
            grows = self.maybe(cut_to=random.choice(("50%", "80%", "100%")))
            grows = grows | {"limit": random.randint(20, 200)} if self.often(0.7) else {}
            if ("repeat" in call or "sessions" in self.traffic) and self.often(0.8):
                prompt["history"] = grows | self.maybe(retrieved=maker.chance(0.5)) or random.choice(("grows", "none"))
            if "history" in prompt and "system" in prompt and self.often(0.4):
                prompt["system"] = maker.part(300)
            prompt |= {"chunks": random.randint(1, 3)} if "retrieved" in prompt and self.often(0.3) else {}
        output = call["output"]
        if isinstance(output, dict) and "all" in output and self.often(0.6):
            output["reasoning"] = maker.tokens(20)
            if self.often(0.3):
                self.whole["resilience"].setdefault("idle_timeout", maker.time(0.02, 0.1))

    def summarise(self, kind: str, stages: list[Map]) -> None:
        """A summary before the first call whose history is limited."""
        for i, call in enumerate(stages):
            prompt = call.get("input")
            if isinstance(prompt, dict) and "limit" in prompt.get("history", ""):
                summary: Map = {"name": f"summary{i}", "model": self.random.choice(self.maker.models)}
                summary |= {"summarises": True, "input": {"system": 100}, "output": self.random.randint(5, 40)}
                stages.insert(i, summary)
                self.move_on(f"actions.{kind}.calls", i)
                return

    def move_on(self, calls: str, first: int) -> None:
        """From the first on, calls stand one place further on than changes say."""
        for change in self.whole.get("changes", []):
            change["set"] = {self.moved(path, calls, first): value for path, value in change["set"].items()}

    def moved(self, path: str, calls: str, first: int) -> str:
        """A path as it is now."""
        place, _, rest = path.removeprefix(f"{calls}.").partition(".")
        if not path.startswith(f"{calls}.") or int(place) < first:
            return path
        return f"{calls}.{int(place) + 1}.{rest}"

    # Caches.

    def caches(self) -> None:
        """Of answers and of prompts."""
        found: Map = self.whole.setdefault("caches", {})
        if self.often(0.6):
            keys = {} if self.has_keys else {"keys": self.law()}
            found["exact"] = self.answers(keys, self.often(0.8))
        if self.often(0.4):
            found["semantic"] = self.answers({"clusters": self.law()}, self.often(0.8))
            found["semantic"]["false_hits"] = self.maker.percent(0, 60)
            for model in self.whole.get("models", {}).values():
                model.setdefault("quality", "90%")
        if self.has_blocks or self.often(0.6):
            found["prompt"] = self.prompts()
            self.rules(found["prompt"])
            for change in self.whole.get("changes", []):
                change["set"].pop("caches.prompt.hit_rate", None)
        if not found:
            del self.whole["caches"]

    def law(self) -> Map:
        """Popularity."""
        return {"zipf": self.random.choice((0, 1, 1.5)), "count": self.random.randint(1, 30)}

    def answers(self, keys: Map, has_entries: bool) -> Map:
        """A cache of answers, or a hit rate."""
        random, maker = self.random, self.maker
        found: Map = {}
        if has_entries:
            found |= keys | self.maybe(
                ttl=maker.time(1, 30), capacity=random.randint(1, 12), evicts=random.choice(("lru", "lfu"))
            )
            found |= self.maybe(coalesce=self.often(0.8), start=random.choice(("warm", "cold")))
        else:
            found |= {"hit_rate": maker.percent(0, 100)} | self.maybe(ramp=maker.time(0, 60))
        lookup = random.choice(("0s", maker.lasting(0, 1)))
        found |= self.maybe(lookup=lookup, cost="$0.0001", cacheable=maker.percent(30, 100))
        return found | self.maybe(emptied=[maker.time(1, 50)])

    def prompts(self) -> Map:
        """The providers' caches."""
        random, maker = self.random, self.maker
        if self.often(0.15) and not self.has_blocks:
            return {"hit_rate": maker.percent(0, 100), "prefill": maker.percent(0, 100)}
        found = {"minimum": random.choice((0, 50, 100))} | self.kept()
        if maker.style != "extended":  # providers of the base sell one longer life, and no other
            found |= self.maybe(ttl=maker.time(1, 30))
        return found | self.maybe(emptied=[maker.time(1, 50)])

    def kept(self) -> Map:
        """What is kept of a prompt: of the scenario's cache and of a provider's."""
        random = self.random
        return self.maybe(
            step=random.choice((1, 16)), refresh=self.maker.chance(0.2), write="125%",
            capacity=random.randint(50, 2000), prefill="60%",
        )  # fmt: skip

    def rules(self, cache: Map) -> None:
        """Of providers; a longer life is taken where the scenario asks for it."""
        if self.maker.style != "full" or not self.often():
            return
        rules = self.kept() | self.maybe(minimum=self.random.choice((0, 50, 100)), ttl=self.maker.time(1, 30))
        if "ttl" in cache:
            rules["longer"] = {"ttl": cache["ttl"], "write": "200%"}
        providers = self.whole.setdefault("providers", {name: {} for name in self.maker.providers})
        for provider in providers.values():
            provider["prompt_cache"] = rules

    # Money.

    def cheaper(self) -> None:
        """Models that take another's place."""
        self.has_cheaper = len(self.maker.models) > 1 and self.often(0.8) and self.whole.get("models") is not None
        if self.has_cheaper:
            first, second, *_ = self.random.sample(list(self.whole["models"]), len(self.whole["models"]))
            self.whole["cheaper"] = {first: second}

    def budgets(self) -> None:
        """Of everything, or of some."""
        budgets: Map = {}
        for name in ("one", "two")[: self.random.randint(1, 2) if self.often(0.6) else 0]:
            limit = self.random.choice((0.0005, 0.005, 0.05, 0.5))
            budgets[name] = {"limit": f"${limit}/{self.random.choice(('day', 'month'))}"}
            if self.often():
                budgets[name]["of"] = [self.maker.target()]
            acts = ["alert", "block", *(["degrade"] * 2 if self.can_degrade(budgets[name]) else [])]
            shares = sorted(self.random.sample(range(10, 120, 10), self.random.randint(1, 4)))
            budgets[name]["at"] = {f"{share}%": self.random.choice(acts) for share in shares}
        if budgets:
            self.whole["budgets"] = budgets
            if self.maker.style == "full" and self.often(0.4):
                self.sell_requests()
            if self.often(0.3):
                self.whole.setdefault("failures", {})["quota_exhausted"] = self.maker.failure()

    def sell_requests(self) -> None:
        """Every request costs the same, so that a step of a budget is reached to the cent."""
        for model in self.whole["models"].values():
            model.pop("price_of", None)
            model["prices"] = dict.fromkeys(("input", "output", "cached", "write"), "$0") | {"request": "$0.0001"}

    def can_degrade(self, budget: Map) -> bool:
        """Is there something cheaper than one of its models?"""
        return self.has_cheaper and "of" not in budget

    def tiers(self) -> None:
        """Limits that rise with what is spent."""
        changed = {".".join(path.split(".")[:2]) for change in self.whole.get("changes", ()) for path in change["set"]}
        for name, quota in self.whole.get("quotas", {}).items():
            measures = sorted(quota.keys() & {"requests", "input", "output", "tokens"})
            if measures and f"quotas.{name}" not in changed and self.often(0.6):
                self.rise(quota, measures)

    def rise(self, quota: Map, measures: list[str]) -> None:
        """One to three tiers of a quota."""
        sums = sorted(self.random.sample((0.0001, 0.0005, 0.002, 0.01, 0.05), self.random.randint(1, 3)))
        present, after = {measure: quota[measure] for measure in measures}, 0
        quota["tiers"] = []
        for needed in sums:
            raised = self.random.sample(measures, self.random.randint(1, len(measures)))
            for measure in raised:
                amount, period = present[measure].split("/")
                present[measure] = f"{int(amount) * self.random.choice((1, 2, 5))}/{period}"
            tier: Map = {"spent": f"${needed}"} | {measure: present[measure] for measure in raised}
            after += self.random.choice((0, 1, 5, 20)) if self.often() else 0
            tier |= {"after": f"{after}s"} if after else {}
            quota["tiers"].append(tier)
        if self.often(0.3):
            quota["spent_on"] = self.maker.target()
        if self.often(0.4):
            quota["spent_before"] = f"${self.random.choice(sums)}"
            quota |= {"paying_for": f"{self.random.randint(0, 15)}s"} if self.often(0.7) else {}

    def quotas(self) -> None:
        """Of users."""
        users = self.traffic.get("users")
        if users is None or not self.often(0.7):
            return
        over = self.random.choice(("reject", "degrade")) if self.has_cheaper else "reject"
        limits = {"day": self.random.randint(1, 8)} | self.maybe(month=self.random.randint(1, 12))
        users["quota"] = limits | {"over": over}
        for plan in users.get("plans", {}).values():
            if self.often(0.3):
                plan["quota"] = {"month": self.random.randint(1, 5), "over": over}

    def batch(self) -> None:
        """Work that can wait."""
        if not self.actions or not self.often(0.6):
            return
        for kind in self.random.sample(list(self.actions), self.random.randint(1, len(self.actions))):
            self.actions[kind]["urgency"] = self.random.choice(("batch", "batch", "batch", "now"))
        hour = self.random.randint(0, 23)
        batch: Map = {}
        if self.often(0.6):
            first = self.random.choice((hour, (self.start_hour() + 1) % 24, self.start_hour()))
            batch["window"] = {"from": first, "to": first + self.random.choice((1, 1, 24 - first))}
            batch["window"] |= self.maybe(weekend=self.random.choice(("as_ever", "all_day")))
            batch |= self.maybe(spread=self.maker.time(0, 60))
            self.whole["cooldown"] = "65min"  # in which the next hour begins; not the night that work is held for
            self.whole["service"] |= self.maybe(shed=[{"in_flight": self.random.randint(3, 20)}])
        if not batch or self.often():
            batch["api"] = {"takes": self.maker.lasting(1, 20)} | self.maybe(within=self.maker.time(2, 40))
        self.whole["batch"] = batch | self.maybe(deadline=self.maker.time(10, 100))

    def start_hour(self) -> int:
        """In which the run begins."""
        start = str(self.whole["start"])
        return int(start[11:13]) if "T" in start else 0

    def stale(self) -> None:
        """Old answers as a rung of the ladder."""
        caches = self.whole.get("caches", {})
        if any("hit_rate" not in caches.get(name, {"hit_rate": 1}) for name in ("exact", "semantic")) and self.often(
            0.7
        ):
            rung = self.maybe(takes=self.maker.lasting(0, 1), good=self.maker.percent(0, 100))
            ladder = self.whole["resilience"].setdefault("degrade", [])
            ladder.insert(self.random.randint(0, len(ladder)), {"stale_cache": rung})

    def changes(self) -> None:
        """Other numbers of these."""
        maker, options = self.maker, {}
        sold = any("longer" in one.get("prompt_cache", ()) for one in self.whole.get("providers", {}).values())
        for name, cache in self.whole.get("caches", {}).items():
            if "ttl" in cache and not (name == "prompt" and sold):
                options[f"caches.{name}.ttl"] = maker.time(1, 20)
            options |= {f"caches.{name}.capacity": self.random.randint(1, 50)} if "capacity" in cache else {}
            options |= {f"caches.{name}.hit_rate": maker.percent(0, 100)} if "hit_rate" in cache else {}
        for name in self.whole.get("budgets", {}):
            period = self.whole["budgets"][name]["limit"].split("/")[1]
            options[f"budgets.{name}.limit"] = f"${self.random.choice((0.001, 0.1))}/{period}"
        if "deadline" in self.whole.get("batch", {}):
            options["batch.deadline"] = maker.time(5, 50)
        if "sessions" in self.traffic:
            options["traffic.sessions.think"] = maker.time(0, 3)
        if options:
            change = self.random.choice(self.whole["changes"])
            chosen = self.random.sample(sorted(options), self.random.randint(1, min(2, len(options))))
            change["set"] |= {path: options[path] for path in chosen}
