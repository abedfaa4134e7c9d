"""What one repetition of a call sends to a model, and what it asks for."""

from typing import TYPE_CHECKING

from simkit.laws.draws import Stream, code_of
from simkit.laws.region import scaled
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
        world, action, c = call.world, call.action, call.index
        kinds, dice, e, origin = world.kinds, world.dice, world.epoch, action.origin
        code = code_of(call.number, call.repeat, 0, 0, 0)
        system, retrieved, user = kinds.input[e][c]
        u, v = dice.pair(Stream.TOKENS, origin, code, 0)
        w, x = dice.pair(Stream.TOKENS, origin, code, 1)
        self.system = dice.count(system, u)
        self.retrieved = dice.count(retrieved, v) * kinds.chunks[e][c]
        factor = world.geography.tokens[e][action.home]
        self.user = in_language(dice.count(user, w), factor)
        self.history = self.before = self.cuts = self.reasoning = self.marks = 0
        self.cached = self.row = -1
        self.pieces: list[Piece] | None = None
        """What it begins with, once a prompt cache has looked at it."""
        if call.remembers:
            self.look_back(call)
        self.tokens_in = self.system + self.history + self.retrieved + self.user
        answer = in_language(dice.count(kinds.output[e][c][action.complexity], x), factor)
        if world.has_trace:
            answer = self.replay(call, answer)
        thinks = kinds.reasoning[e][c][action.complexity]
        if thinks >= 0:
            self.reasoning = dice.count(thinks, dice.pair(Stream.TOKENS, origin, code, 2)[0])
            answer += self.reasoning
        self.tokens_out = answer
        if answer > kinds.max_output[e][c]:
            self.cut_short(kinds.max_output[e][c])

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

    def cut_short(self, longest: int) -> None:
        """The answer, with what is thought before it, is longer than may be."""
        self.tokens_out = longest
        self.reasoning = min(self.reasoning, longest)
        self.marks = int(Mark.TRUNCATED)

    @property
    def visible(self) -> int:
        """Tokens of the answer that the user sees."""
        return self.tokens_out - self.reasoning


def in_language(tokens: int, factor: float) -> int:
    """Words in the user's language."""
    return tokens if factor == 1.0 else scaled(tokens, factor)
