"""What can be wrong with a scenario only when it is compiled."""


class PlanError(Exception):
    """A scenario that is valid but cannot be compiled; the message says where and what to do."""
