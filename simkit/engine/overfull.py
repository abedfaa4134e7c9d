"""Too much in flight: a run that would fill the memory is stopped."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simkit.engine.log import Log


class OverfullError(RuntimeError):
    """More actions were in flight than allowed: `in_flight` of them at `now` (ns of simulated time).

    `log`, where one is kept, is that of a run that was stopped at that moment.
    """

    def __init__(self, in_flight: int, now: int, log: "Log | None" = None) -> None:
        super().__init__(f"{in_flight:,} actions were in flight at once, more than allowed")
        self.in_flight = in_flight
        self.now = now
        self.log = log
