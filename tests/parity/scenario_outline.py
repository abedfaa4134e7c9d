"""What all parts of a random scenario agree on: its form, its names, what runs where, how long."""

from random import Random

from scenario_quantities import Map, Quantities

COMPLEXITIES = ("simple", "hard")
PROVIDERS = ("p", "q", "r")
MODELS = ("a", "b", "c")
BOOK = ("gpt-4o", "gpt-4.1", "claude-sonnet-4-5")
"""Models of the price book, one with a dot in its name, one with tiers; all are in the package's base, too."""
BASE_PROVIDERS = {"gpt-4o": "openai", "gpt-4.1": "openai", "claude-sonnet-4-5": "anthropic"}


class Outline(Quantities):
    """The outline of one scenario.

    `style` is full, `extended` (over the package's base) or `founder` (the short form).
    `replays` says of what trace: none, only the `times`, the tokens in named `columns`, or a recognised format.
    """

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.style = "full"
        if not self.tick_ms:
            self.style = self.pick(*["full"] * 17, "extended", "extended", "founder")
        self.replays = ""
        if self.style != "founder" and self.chance(0.26):
            self.replays = self.pick("times", "times", "times", "times", "columns", "columns", "azure", "mooncake")
        self.named_models()
        self.named_kinds()
        self.swift = self.chance(0.4)
        """Do timeouts of incidents take a time, instead of hanging?"""
        self.slow_prompts = self.chance(0.6)
        """Do long prompts take longer?"""
        self.span = 60 * random.randint(1, 4)
        self.routes: Map = {}
        self.calls = 0

    @property
    def one_call(self) -> bool:
        """Does a trace say the tokens? Then there is one call."""
        return self.replays not in ("", "times")

    def named_models(self) -> None:
        """Names of models and providers, and which model runs where."""
        count = 1 if self.style == "founder" else self.pick(1, 2, 2, 3)
        own = self.style == "full" and self.chance(0.75)
        self.models = (MODELS if own else BOOK)[:count]
        self.providers = PROVIDERS[: self.random.randint(1, 3)]
        self.places: dict[str, list[Map]] = {}
        for model in self.models:
            self.places[model] = self.deployed() if self.style == "full" else [{"provider": BASE_PROVIDERS[model]}]
            if self.style == "extended" and self.chance(0.4):
                self.places[model].append({"provider": "azure", "region": "eastus"})
        if self.style != "full":
            self.providers = tuple(dict.fromkeys(place["provider"] for each in self.places.values() for place in each))

    def deployed(self) -> list[Map]:
        """Providers and regions of a model's deployments."""
        places: list[Map] = []
        for provider in self.some(self.providers):
            places.append({"provider": provider})
            if self.chance(0.25):
                places[-1]["region"] = "east"
                places += [{"provider": provider, "region": "west"}] if self.chance(0.5) else []
        return places

    def named_kinds(self) -> None:
        """Kinds of actions, and which of them have complexities."""
        several = not self.one_call and self.style != "founder"
        self.kinds = ("ask", "do")[: self.pick(1, 2, 2) if several else 1]
        if self.style == "founder":
            self.kinds = ("answer",)
        self.complex = {kind: self.style != "founder" and self.chance(0.6) for kind in self.kinds}

    def target(self) -> str:
        """What a limit counts or an incident hits: a model, a provider, or a deployment, by one of their names."""
        model = self.pick(*self.models)
        place = self.pick(*self.places[model])
        where = "/".join(place.values())
        names: tuple[str, ...] = (model, place["provider"], f"{model}/{where}", where)
        return self.pick(*names)
