"""The integer codes of log and plan: outcomes, reasons, failure kinds, causes, marks, policies, event classes.

Both engines have theirs from here.
"""

from enum import IntEnum, IntFlag

GENERATION = 33
"""An action's id is its ordinal; from this bit on stands how often its user has asked again (less than 16 times)."""
TURN = 37
"""From this bit on stands which turn of its conversation it is, 0 being the first (less than 256)."""
BY_BUDGET = -2
"""`limit` of an attempt that a budget refused: this minus the budget's index."""
PERIOD_ENDS = -1
"""`step` of a budget whose day or month ends, or the run."""
NO_KEY = -1
"""`key` of a lookup in a cache that has but a hit rate, and of a question that a trace does not tell."""
LEADS, AS_MODELS = -2, -3
"""Beside `good` (1 good, 0 bad, -1 not judged), in the engines alone: who waits for an answer has to find it itself; an
answer that a warm cache begins with is judged when it is first served."""


class Outcome(IntEnum):
    """How an action ended."""

    OK = 0
    DEGRADED = 1
    FAILED = 2
    REJECTED = 3
    ABANDONED = 4
    CENSORED = 5


class Kind(IntEnum):
    """How an attempt ended, and reasons of actions; all from RATE_LIMIT to THROTTLED are failures."""

    OK = 0
    RATE_LIMIT = 1
    QUOTA_EXHAUSTED = 2
    OVERLOADED = 3
    SERVER_ERROR = 4
    TIMEOUT = 5
    CONNECTION = 6
    BAD_REQUEST = 7
    CONTENT_FILTER = 8
    TOO_LARGE = 9
    STREAM_BROKEN = 10
    MALFORMED = 11
    NO_DEPLOYMENT = 12
    """Nothing was sent: every deployment's breaker is open."""
    THROTTLED = 13
    """Nothing was sent: held back by the caller's own adaptive throttle."""
    CANCELLED = 14
    """Ended by its caller: a deadline, a sibling's failure, a twin's answer."""
    UNFINISHED = 15
    """In flight when the run stopped."""
    DEADLINE = 16
    """From here on reasons of actions only."""
    QUEUE_FULL = 17
    """Rejected: no waiting place in the own service."""
    SHED = 18
    """Rejected: load shedding."""
    IMPATIENT = 19
    """Abandoned: the user gave up."""
    PARTIAL = 20
    """Degraded: what had been shown of the answer."""
    PREVIOUS = 21
    """Degraded: by the previous version."""
    RULE = 22
    """Degraded: by a rule."""
    HUMAN = 23
    """Degraded: by a person."""
    STALE = 24
    """Degraded: by an expired entry of a cache."""
    QUOTA = 25
    """Rejected: the user's own quota is used up."""
    BUDGET = 26
    """Rejected: a spending budget of everything blocks."""
    RESIDENCY = 27
    """Rejected: no region or deployment is left where the data may go."""
    REGION_DOWN = 28
    """Failed: the region that was to serve it is down, or went down with it."""


KINDS = 14
"""Length of tables by failure kind."""


class Cause(IntEnum):
    """Why an attempt was made."""

    FIRST = 0
    RETRY = 1
    FALLBACK = 2
    """First try with a fallback model."""
    ESCALATION = 3
    """First try with the next model of a cascade."""
    HEDGE = 4
    """A second try beside one that has not answered yet."""
    CLIENT_RETRY = 5
    """First try of a request that the client makes anew."""


class Mark(IntFlag):
    """What else is said of an attempt: the bits of its `marks`."""

    PROBE = 1
    """Sent while its breaker was half open."""
    BYPASS = 2
    """Sent although its breaker was open."""
    NO_BUDGET = 4
    """A retry or hedge after it was refused by the budget."""
    GAVE_UP = 8
    """A retry was not made because of its Retry-After."""
    ALL_OPEN = 16
    """A retry was not made because all breakers were open."""
    TRUNCATED = 32
    """Its answer was cut at the longest that may be."""
    CHEAPER = 64
    """Its model stands in for a dearer one."""
    FORBIDDEN = 128
    """Nothing was sent: somebody could have been asked, but not with this data."""


class Thrift(IntFlag):
    """Why an action is served by cheaper models: the bits of its `thrift`."""

    QUOTA = 1
    """Its user's own quota is used up."""
    BUDGET = 2
    """A budget of everything is spent so far."""


class Cache(IntEnum):
    """A cache of answers."""

    EXACT = 0
    SEMANTIC = 1


class Lookup(IntEnum):
    """What a lookup in a cache of answers found."""

    MISS = 0
    HIT = 1
    JOINED = 2
    """Nothing yet: it waits for the answer to another's miss."""
    FALSE = 3
    """An answer, but to another question."""
    EXPIRED = 4
    """Nothing but an answer that is too old."""
    STALE = 5
    """An old answer, taken by the degrade ladder."""


class Act(IntEnum):
    """What a budget does at a step."""

    ALERT = 0
    DEGRADE = 1
    BLOCK = 2


class Notice(IntEnum):
    """What is written down of a region."""

    AVAILABLE = 0
    """Share of its replicas that incidents have left, in parts per billion."""
    PUBLISHED = 1
    """The same as clients are told from now on."""
    REPLICAS = 2
    """Replicas that are paid from now on: those there, ordered, or about to go."""


class Life(IntEnum):
    """What is written down of a user who comes or goes."""

    BASE = 0
    """Was there at the start, as an active user; `value`: the plan."""
    SIGNED_UP = 1
    """`value`: the plan."""
    FIRST_VALUE = 2
    """Was served well for the first time, soon enough; `value`: ns since the sign-up."""
    ACTIVATED = 3
    """Is an active user from now on."""
    LOST_INTEREST = 4
    """Is none; `value` 1: would have become one, had it been served well in time."""
    LEFT = 5
    """Is an active user no more; `value` 1: would have stayed, had everything gone well."""
    MOVED = 6
    """`value`: the plan from now on."""


class State(IntEnum):
    """Of a user who comes or goes."""

    NEW = 0
    ACTIVE = 1
    GONE = 2


class Tick(IntEnum):
    """Order of the ticks of one instant; below, which region it is about. (Outliers are swept first: 0.)"""

    CHECK = 1 << 30
    PUBLISH = 2 << 30
    LOOK = 3 << 30
    READY = 4 << 30


class BreakerState(IntEnum):
    """State of a breaker."""

    CLOSED = 0
    OPEN = 1
    HALF_OPEN = 2


class Measure(IntEnum):
    """What a rate limit counts."""

    REQUESTS = 0
    INPUT = 1
    OUTPUT = 2
    TOKENS = 3
    """Of prompt and answer."""
    RAMP = 4
    """Requests, against those that it let through before."""


class Takes(IntEnum):
    """How long a failure takes."""

    TIME = 0
    """As it is drawn."""
    FIRST_TOKEN = 1
    PART = 2
    """Of the answer."""
    ANSWER = 3
    NEVER = 4


class Billed(IntEnum):
    """What a provider charges for a failure."""

    NOTHING = 0
    INPUT = 1
    ELAPSED = 2
    """And as much of the answer as had come."""
    ALL = 3


class Balance(IntEnum):
    """How a model's deployments share its attempts."""

    WEIGHTED = 0
    ORDERED = 1
    LEAST_BUSY = 2
    LOWEST_LATENCY = 3
    LOWEST_USAGE = 4
    CHEAPEST = 5


class RetryAt(IntEnum):
    """Where a retry goes."""

    ANY = 0
    SAME = 1
    OTHER = 2


class JitterKind(IntEnum):
    """How the wait of a backoff is made random."""

    RANGE = 0
    ADDITIVE = 1
    DECORRELATED = 2


class StreamFailure(IntEnum):
    """What follows a failure after the first token of a stream."""

    FAIL = 0
    FALL_BACK = 1
    RETRY = 2


class WindowKind(IntEnum):
    """Which results a breaker's window holds."""

    SLIDING = 0
    CALENDAR = 1
    FIXED = 2


class Degrade(IntEnum):
    """What a rung of the degrade ladder is."""

    PARTIAL = 1
    PREVIOUS = 2
    RULE = 3
    HUMAN = 4
    STALE = 5


class EventClass(IntEnum):
    """Order of timed events of the same instant (DESIGN: time, class, entity key)."""

    CALENDAR = 0
    FINISHED = 1
    TIMEOUT = 2
    DEADLINE = 3
    HEDGE = 4
    WAITED = 5
    TICK = 6
    ARRIVAL = 7
