"""What one action does: `actions` with their calls, and `routes` that choose the model of a call."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from simkit.scenario.base import Part, is_scalar
from simkit.scenario.conversation import History
from simkit.scenario.distribution import DurationDist, TokenDist
from simkit.scenario.regions import Residency
from simkit.scenario.repeat import Geometric, Repeat
from simkit.scenario.units import Count, Money, Name, Share


def _is_distribution(value: dict[str, Any]) -> bool:
    """Are these the keys of a distribution (and not of what holds one)?"""
    return bool(value) and value.keys() <= TokenDist.names()


class Input(Part):
    """Input tokens of a call, by part; each part a number (constant) or a distribution."""

    system: TokenDist | None = None
    """The fixed prefix (system prompt, tools): what a provider's prompt cache can hold."""
    retrieved: TokenDist | None = None
    """Retrieved context: of one text, see `chunks`."""
    chunks: Annotated[Count, Field(ge=1)] = 1
    """How many retrieved texts of that length."""
    history: History | Literal["none"] = "none"
    """What was said before and is sent again: `none`, `grows`, or `{limit: 8000}`."""
    user: TokenDist | None = None
    """What the user wrote (a bare `input: ...` is short for this)."""

    @property
    def told(self) -> History | None:
        """The history, if one is sent."""
        return self.history if isinstance(self.history, History) else None

    @classmethod
    def short(cls, value: Any) -> Any:
        """A number or a distribution is `{user: ...}`."""
        bare = is_scalar(value) or (isinstance(value, dict) and _is_distribution(value))
        return {"user": value} if bare else value


class Output(Part):
    """Output tokens of a call: one distribution, or one for each complexity."""

    all: TokenDist | None = None
    """For every complexity (a bare `output: ...` is short for this)."""
    by_complexity: dict[Name, TokenDist] = Field(default_factory=dict)
    """By complexity, e.g. `{simple: {mean: 150, p95: 400}, complex: ...}` (may be written without this key)."""
    max: Count | None = None
    """`max_tokens` of the request: longer answers (reasoning included) are cut."""
    reasoning: TokenDist | None = None
    """Tokens of thought before the answer: billed and limited as output; what is seen comes after them."""

    choices: ClassVar = (frozenset({"all", "by_complexity"}),)

    @classmethod
    def short(cls, value: Any) -> Any:
        """A number or a distribution is `{all: ...}`; other keys than the fields are complexities."""
        if is_scalar(value):
            return {"all": value}
        if not isinstance(value, dict) or not value.keys() - cls.model_fields.keys():
            return value
        fields = {key: one for key, one in value.items() if key in cls.model_fields}
        rest = {key: one for key, one in value.items() if key not in cls.model_fields}
        if _is_distribution(rest):
            return {"all": rest, **fields}
        return value if "by_complexity" in fields or "all" in fields else {"by_complexity": rest, **fields}


class Call(Part):
    """One call to a model (or, without tokens, a step of fixed work)."""

    name: Name
    """Name of the call, unique within its action."""
    model: Name | None = None
    """Model that serves it."""
    route: Name | None = None
    """Route that chooses the model, instead of `model`."""
    input: Input = Input.model_construct()
    """Input tokens by part."""
    output: Output = Output.model_construct()
    """Output tokens."""
    streaming: bool = True
    """Is the answer streamed to the user (time to first token counts, a cancel stops the bill)?"""
    work: DurationDist | None = None
    """Your own work before each repetition of the call (retrieval, tools); it holds the action's slot."""
    work_cost: Money = 0
    """What that work costs, each time: a search, a tool."""
    repeat: Repeat = Repeat.model_construct(times=1)
    """Repetitions in a row, each with its own tokens."""
    judged: bool = True
    """Does this call's answer decide whether the action's answer is good?"""
    cached: bool = True
    """May caches of answers serve it (never one that repeats)?"""
    summarises: bool = False
    """Is it made only when the history is longer than the limit of the next call with one, to take the history's place
    by its answer?"""

    choices: ClassVar = (frozenset({"model", "route"}),)


class Parallel(Part):
    """Calls made at the same time; the action goes on when all have answered."""

    parallel: Annotated[list[Call], Field(min_length=1, max_length=16)]
    """The calls."""


class Action(Part):
    """One kind of action: a unit of value for a user."""

    share: Share | None = None
    """Share of the traffic; may be left out where there is one kind. Shares add up to 100%."""
    complexity: dict[Name, Share] = Field(default_factory=dict)
    """Shares of complexities, simplest first, e.g. `{simple: 70%, complex: 30%}`; empty: one, `any`."""
    priority: int = 0
    """Priority class in your own service's queue, added to the plan's: the lower number goes first."""
    cacheable: Share | None = None
    """Share of these actions whose answers may be cached (left out: as the cache says)."""
    urgency: Literal["now", "batch"] = "now"
    """`batch`: it can wait, see `batch`."""
    residency: Residency = Residency.model_construct()
    """With `regions`: where its data may go, besides what holds for the user's region."""
    calls: Annotated[list[Call | Parallel], Field(min_length=1, max_length=31)]
    """Its calls, in sequence; an item `parallel: [...]` holds calls made at once."""


class Route(Part):
    """How a call's model is chosen. Exactly one of `model`, `mix`, `by`, `cascade`."""

    model: Name | None = None
    """Always this model."""
    mix: dict[Name, Share] = Field(default_factory=dict)
    """Weighted: model to share."""
    by: Annotated[str | None, Field(pattern="^complexity$")] = None
    """`complexity`: the model by the action's complexity, see `to`."""
    to: dict[Name, Name] = Field(default_factory=dict)
    """With `by`: complexity to model."""
    misrouted: dict[Name, Share] = Field(default_factory=dict)
    """With `by`: share of a complexity that is sent to the next higher complexity's model
    (the highest: to the next lower)."""
    cascade: list[Name] = Field(default_factory=list)
    """Cheap first: models in the order in which they are tried."""
    escalate: dict[Name, Share] = Field(default_factory=dict)
    """With `cascade`: share of a complexity's answers that go on to the next model."""

    choices: ClassVar = (frozenset({"model", "mix", "by", "cascade"}),)
    required: ClassVar = choices

    @classmethod
    def short(cls, value: Any) -> Any:
        """A model's name is `{model: ...}`."""
        return {"model": value} if is_scalar(value) else value


__all__ = ["Action", "Call", "Geometric", "Input", "Output", "Parallel", "Repeat", "Route"]
