"""Health checks of the regions, and what clients hear of them."""

from simkit.engine.compiled.agenda import schedule
from simkit.engine.compiled.dice import uniform
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.region import PUBLISHED, note, place, ppb, real_place, resize
from simkit.engine.compiled.scaler import LOOK, look_at_load, next_look, replicas_come
from simkit.laws.draws import Stream
from simkit.laws.jit import apart, step
from simkit.laws.region import openness
from simkit.plan.codes import Tick

CHECK_PHASE, CHECK, PUBLISH = int(Stream.CHECK), int(Tick.CHECK), int(Tick.PUBLISH)
REGION_BITS = 30


@apart
def begin_regions(m: Memory, f: Reals) -> None:
    """When the first checks are; what there is of each region is written down; autoscalers begin to look."""
    for r in range(m[M_REGIONS]):
        g = place(m, r)
        m[g + G_REPLICAS] = at2(m, REPLICAS_AT_FIRST, 0, r)
        if m[g + G_SCALES] == 1:
            least, most = at2(m, SCALING_MINIMUM, 0, r), at2(m, SCALING_MAXIMUM, 0, r)
            m[g + G_REPLICAS] = max(least, min(m[g + G_REPLICAS], most))
            next_look(m, r)
        if m[M_GUIDES] == 1:
            u, _ = uniform(m, CHECK_PHASE, 0, at1(m, REGIONS_KEY, r), 0)
            m[g + G_FIRST_CHECK] = m[M_BEGIN] + int(u * at1(m, REGIONS_INTERVAL, 0))
        resize(m, f, r)


@apart
def tick(m: Memory, f: Reals, key: int, row: int) -> None:
    """A check, a publication, a look of an autoscaler, or replicas that were ordered."""
    what, r = key >> REGION_BITS << REGION_BITS, key & ((1 << REGION_BITS) - 1)
    if what == CHECK:
        check(m, f, r)
    elif what == PUBLISH:
        publish(m, f, r, row)
    elif what == LOOK:
        look_at_load(m, f, r)
    else:
        replicas_come(m, f, r, row)


@apart
def changed(m: Memory, f: Reals, r: int) -> None:
    """More or less of a region is there: what was found of it so far is void."""
    g, h, interval = place(m, r), real_place(m, r), at1(m, REGIONS_INTERVAL, 0)
    m[g + G_GENERATION] += 1
    m[g + G_FAILED] = m[g + G_GOOD] = 0
    if m[g + G_CHECKING] == 0 and f[h + H_AVAILABLE] != f[h + H_PUBLISHED]:
        first = m[g + G_FIRST_CHECK]
        next_check(m, r, first - (first - m[M_NOW]) // interval * interval)


@step
def next_check(m: Memory, r: int, time: int) -> None:
    """Put the next check on the agenda."""
    m[place(m, r) + G_CHECKING] = 1
    schedule(m, time, TICKS, CHECK | r, 0)


@apart
def check(m: Memory, f: Reals, r: int) -> None:
    """A check: enough of them in a row, and it is published."""
    g, h = place(m, r), real_place(m, r)
    m[g + G_CHECKING] = 0
    if f[h + H_AVAILABLE] == f[h + H_PUBLISHED]:
        return
    falls = f[h + H_AVAILABLE] < f[h + H_PUBLISHED]
    m[g + G_FAILED] = m[g + G_FAILED] + 1 if falls else 0
    m[g + G_GOOD] = 0 if falls else m[g + G_GOOD] + 1
    if m[g + G_FAILED] < at1(m, REGIONS_FAILURES, 0) and m[g + G_GOOD] < at1(m, REGIONS_SUCCESSES, 0):
        next_check(m, r, m[M_NOW] + at1(m, REGIONS_INTERVAL, 0))
        return
    delay = at1(m, REGIONS_MANUAL, 0) + (at1(m, REGIONS_TIMEOUT, 0) if falls else at1(m, REGIONS_HOLD_DOWN, 0))
    schedule(m, m[M_NOW] + delay, TICKS, PUBLISH | r, m[g + G_GENERATION])


@apart
def publish(m: Memory, f: Reals, r: int, generation: int) -> None:
    """From now on clients hear of it, unless it is not true any more."""
    g, h = place(m, r), real_place(m, r)
    if generation != m[g + G_GENERATION]:
        return
    i = m[g + G_NEWS] % KEPT_NEWS
    m[m[NEWS_SINCE] + r * KEPT_NEWS + i] = m[M_NOW]
    news = m[NEWS] + (r * KEPT_NEWS + i) * 2
    f[news] = f[h + H_PUBLISHED]
    m[M_UNWELL] += (1 if f[h + H_AVAILABLE] < 1.0 else 0) - (1 if f[h + H_PUBLISHED] < 1.0 else 0)
    f[news + 1] = f[h + H_PUBLISHED] = f[h + H_AVAILABLE]
    m[g + G_NEWS] += 1
    m[M_TOLD_AT] = m[M_NOW]
    note(m, r, PUBLISHED, ppb(f[h + H_PUBLISHED]))


@step
def hear(m: Memory, f: Reals, r: int, at: int) -> None:
    """What a client knows of a region that last asked at a time: how open it is, and what share of it is there."""
    h = real_place(m, r)
    f[h + H_OPEN] = f[h + H_THERE] = 1.0
    if m[place(m, r) + G_NEWS] > 0:
        remember_news(m, f, r, at)


@apart
def remember_news(m: Memory, f: Reals, r: int, at: int) -> None:
    """The same where there were publications: the last one by then counts."""
    h, number = real_place(m, r), m[place(m, r) + G_NEWS]
    oldest = max(number - KEPT_NEWS, 0)
    for i in range(number - 1, oldest - 1, -1):
        item = r * KEPT_NEWS + i % KEPT_NEWS
        since, before, after = m[m[NEWS_SINCE] + item], f[m[NEWS] + 2 * item], f[m[NEWS] + 2 * item + 1]
        if since <= at:
            f[h + H_OPEN] = openness(since, before, after, at1(m, REGIONS_FAILBACK, 0), at)
            f[h + H_THERE] = after
            return
        f[h + H_THERE] = before
        f[h + H_OPEN] = 1.0 if before > 0.0 else 0.0
