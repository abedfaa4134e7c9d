"""The tally of a run whose log is never kept: every action is added up with its attempts as soon as it has ended.

The same figures as `result.tally` makes of a log (which is the specification), by compiled loops.
"""

from simkit.result.streamed.stream import Stream

__all__ = ["Stream"]
