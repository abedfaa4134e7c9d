"""What an attempt costs, and what was seen of it."""

from typing import TYPE_CHECKING

from simkit.engine.log import DID_NOT
from simkit.laws.price import price
from simkit.plan.codes import Billed, Kind

if TYPE_CHECKING:
    from simkit.engine.reference.attempt import Attempt

BILLED_NOTHING, _, BILLED_ELAPSED, BILLED_ALL = (int(one) for one in Billed)
STOPPED = (Kind.TIMEOUT, Kind.CANCELLED, Kind.UNFINISHED)


def charge(attempt: "Attempt", kind: int, now: int) -> None:
    """Tokens and picodollars that the provider charges for what it did until `now`."""
    world = attempt.world
    if attempt.started == DID_NOT:
        attempt.cached = attempt.written = 0
        return
    if kind == Kind.OK:
        billed = BILLED_ALL
    elif kind in STOPPED:
        billed = BILLED_NOTHING if attempt.is_batch else BILLED_ELAPSED
    else:
        billed = world.policy.billed[kind]
    if billed == BILLED_NOTHING:
        return
    attempt.billed_in = attempt.tokens_in
    if billed == BILLED_ALL:
        attempt.billed_out = attempt.tokens_out
    elif billed == BILLED_ELAPSED:
        attempt.billed_out = attempt.made(now)
    tariff = world.tariffs[attempt.price_row][attempt.deployment]
    attempt.cost = price(attempt.billed_in, attempt.cached, attempt.written, attempt.billed_out, *tariff)


def seen_first_token(attempt: "Attempt", ended: int) -> int:
    """When the first token came, if it did: streamed, or with the whole answer; else -1."""
    if attempt.started == DID_NOT or not attempt.answers:
        return DID_NOT
    if not attempt.streams:
        return ended if attempt.kind == Kind.OK and ended == attempt.finish_at else DID_NOT
    return attempt.began_at if attempt.began_at <= ended else DID_NOT
