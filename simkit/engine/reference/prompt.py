"""What one repetition of a call sends to a model, and what it asks for."""

from typing import TYPE_CHECKING

from simkit.laws.draws import Stream, code_of
from simkit.laws.store import window_of
from simkit.plan.codes import Mark

if TYPE_CHECKING:
    from simkit.engine.reference.call import Call

Piece = tuple[tuple[object, ...], int]
"""Something that other prompts may have, too: its key, and where in the prompt it ends, in tokens."""


class Prompt:
    """Tokens by what they are, a trace's or drawn."""

    __slots__ = (
        "before", "cached", "cuts", "history", "marks", "pieces", "reasoning", "retrieved", "row", "system",
        "tokens_in", "tokens_out", "user",
    )  # fmt: skip

    def __init__(self, call: "Call") -> None:
        world, origin, e = call.world, call.action.origin, call.world.epoch
        kinds, dice = world.kinds, world.dice
        code = code_of(call.number, call.repeat, 0, 0, 0)
        parts = kinds.input[e][call.index]
        u, v = dice.pair(Stream.TOKENS, origin, code, 0)
        w, x = dice.pair(Stream.TOKENS, origin, code, 1)
        self.system = dice.count(parts[0], u)
        self.retrieved = dice.count(parts[1], v) * kinds.chunks[e][call.index]
        self.user = dice.count(parts[2], w)
        self.history = self.before = self.cuts = 0
        if call.remembers:
            self.look_back(call)
        self.tokens_in = self.system + self.history + self.retrieved + self.user
        answer = dice.count(kinds.output[e][call.index][call.action.complexity], x)
        self.cached = self.row = -1
        self.pieces: list[Piece] | None = None
        """What it begins with, once a prompt cache has looked at it."""
        if world.has_trace:
            answer = self.replay(call, answer)
        self.ask(call, answer, code)

    def look_back(self, call: "Call") -> None:
        """What was said before is sent again: all of it for a summary, else as much as the limit lets through.

        Sets `history`, the tokens that are sent; `before`, those of them that the conversation said before this
        action; `cuts`, how often the beginning was left out by now.
        """
        kinds, e, said = call.world.kinds, call.world.epoch, call.action.history
        if kinds.summarises[call.index]:
            self.history = self.before = said
            return
        if call.repeat > 0:
            self.user = 0  # the user's words came with the first repetition
        limit, step = kinds.history_limit[e][call.index], kinds.history_step[e][call.index]
        out, self.cuts = window_of(said + call.loop, limit, step)
        self.history = said + call.loop - out
        self.before = max(0, said - out)

    def replay(self, call: "Call", answer: int) -> int:
        """What the trace says goes before; the length of the answer."""
        trace, row = call.world.plan.arrivals, call.action.origin
        self.row = row
        if trace.trace_input[row] >= 0:
            self.tokens_in = int(trace.trace_input[row])
            self.system = min(self.system, self.tokens_in)  # the trace's prompt may be shorter than the prefix
            self.history = self.before = self.cuts = self.retrieved = 0
        self.cached = min(int(trace.trace_cached[row]), self.tokens_in)
        return int(trace.trace_output[row]) if trace.trace_output[row] >= 0 else answer

    def ask(self, call: "Call", answer: int, code: int) -> None:
        """Tokens of the answer, those thought before it among them, as far as it may be that long."""
        world, e = call.world, call.world.epoch
        dist = world.kinds.reasoning[e][call.index][call.action.complexity]
        thought = 0
        if dist >= 0:
            u, _ = world.dice.pair(Stream.TOKENS, call.action.origin, code, 2)
            thought = world.dice.count(dist, u)
        longest = world.kinds.max_output[e][call.index]
        self.tokens_out = min(answer + thought, longest)
        self.reasoning = min(thought, self.tokens_out)
        self.marks = int(Mark.TRUNCATED) if answer + thought > longest else 0

    @property
    def visible(self) -> int:
        """Tokens of the answer that the user sees."""
        visible: int = self.tokens_out - self.reasoning
        return visible
