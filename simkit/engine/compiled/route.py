"""Which model is asked, which one in its place, and whether its answer is right."""

from simkit.engine.compiled.dice import of_call, origin
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.spending import is_short
from simkit.laws.choice import choose
from simkit.laws.draws import code_of
from simkit.laws.jit import apart, step


@step
def first_model(m: Memory, f: Reals, c: int) -> int:
    """The model that the trace says, or the route."""
    a, route = m[c + C_ACTION], at1(m, ROUTE, m[c + C_INDEX])
    if m[M_TRACED] == 1 and at1(m, TRACE_MODEL, origin(m[a + A_NUMBER])) >= 0:
        return at1(m, TRACE_MODEL, origin(m[a + A_NUMBER]))
    if at1(m, ONLY_MODEL, route) >= 0:
        return at1(m, ONLY_MODEL, route)
    u, _ = of_call(m, c, L_ROUTE, code_of(m[c + C_NUMBER], m[c + C_REPEAT], 0, 0, 0))
    return choose(u, reals(m, f, MIX_CDF, m[M_EPOCH], route, m[a + A_COMPLEXITY]))


@apart
def cheaper(m: Memory, a: int, model: int) -> int:
    """A cheaper model in a model's place, where money is short; NONE: there is none, or no need."""
    following = at1(m, CHEAPER_MODEL, model)
    return following if following != NONE and (m[a + A_THRIFT] != 0 or is_short(m, model)) else NONE


@apart
def substitute(m: Memory, a: int, model: int) -> int:
    """What is asked in a model's place: a cheaper one, and of what can wait the batch side."""
    less = cheaper(m, a, model)
    model = less if less != NONE else model
    if waits_for_batch(m, a) and at1(m, BATCH_MODEL, model) != NONE:
        return at1(m, BATCH_MODEL, model)
    return model


@step
def waits_for_batch(m: Memory, a: int) -> bool:
    """Is an action of a kind that is sent to the batch side of models?"""
    return at1(m, BATCH_API, 0) == 1 and at1(m, BATCH_BATCH, m[a + A_KIND]) == 1


@step
def instead_of(m: Memory, a: int, model: int) -> int:
    """What is asked in a model's place: most often itself."""
    return substitute(m, a, model) if m[M_SUBSTITUTES] == 1 else model


@step
def verdict(m: Memory, f: Reals, c: int, model: int) -> int:
    """Is a model's answer right for the user? NONE: not judged."""
    quality = real3(m, f, QUALITY, m[M_EPOCH], model, m[m[c + C_ACTION] + A_COMPLEXITY])
    if quality != quality:  # NaN: not judged
        return NONE
    u, _ = of_call(m, c, L_QUALITY, code_of(m[c + C_NUMBER], 0, 0, 0, 0))
    return 1 if u < quality else 0
