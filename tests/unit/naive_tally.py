"""Slow, obvious loops over a log that find what a tally has."""

from collections import defaultdict

from synthetic_log import HOUR, rows_of

from simkit.engine.codes import Cause, Kind, Lookup, Outcome
from simkit.result.tally import ATTEMPT_KINDS, OUTCOMES
from simkit.result.windows import timeline_windows


def naive_wait(mine, t):
    """Of the attempts of an action: until a retry was sent, since the latest try before it was over."""
    if t["cause"] not in (Cause.RETRY, Cause.CLIENT_RETRY):
        return 0
    same = [s for s in mine if all(s[key] == t[key] for key in ("call", "repeat"))]
    before = [s for s in same if (s["rung"], s["attempt"]) < (t["rung"], t["attempt"])]
    last = max(((s["rung"], s["attempt"]) for s in before), default=None)
    return max(0, t["dispatched"] - max((s["ended"] for s in before if (s["rung"], s["attempt"]) == last), default=0))


def naive_bad(objective, action, ended):
    """(bad, counted) by the words of DESIGN 3 and 7; what can wait has no objective on times."""
    if objective.limit and action["kind"] == 1:
        return False, False
    if action["outcome"] == Outcome.CENSORED:
        late = objective.limit > 0 and ended - action["arrival"] > objective.limit
        return late, late
    allowed = (Outcome.OK, Outcome.DEGRADED) if objective.degraded_good else (Outcome.OK,)
    if action["outcome"] not in allowed:
        return True, True
    span = {"latency": action["end"], "ttft": action["first_token"]}.get(objective.kind, action["arrival"]) - action[
        "arrival"
    ]
    if objective.kind == "good" and action["good"] == -1:
        return False, False
    return span > objective.limit or (objective.kind == "good" and action["good"] == 0), True


def naive_economy(plan, t):
    """An attempt's tokens and money by what they were for: which tokens have which price, stretch by stretch."""
    kind, marks = t["outcome"], t["marks"]
    first = t["cause"] == Cause.FIRST
    found = {"truncated": kind == Kind.OK and marks & 32 > 0, "cheaper": first and marks & 64 > 0,
             "blocked": kind == Kind.QUOTA_EXHAUSTED and t["limit"] < -1}  # fmt: skip
    if not t["billed_in"]:
        return found
    n, whole = t["deployment"], t["billed_in"]
    q = sum(start <= t["started"] for start in plan.prices.start.tolist()) - 1
    z = sum(above < whole for above in plan.prices.above[q, n].tolist()[1:])
    entered, read, write, out = (
        int(getattr(plan.prices, name)[q, n, z]) for name in ("input", "cached", "write", "output")
    )
    cached, written, thought = t["tokens_cached"], t["tokens_written"], t["tokens_reasoning"]
    stretches = [(0, cached, read), (cached, cached + written, min(write, entered)), (cached + written, whole, entered)]
    found |= {f"tokens_{name}": t[f"tokens_{name}"] for name in ("system", "history", "retrieved")}
    found |= {"tokens_reasoning": thought, "tokens_written": written}
    found["prompt_saved"] = cached * entered + written * entered - cached * read - written * write
    found["prompt_base"] = (cached + written) * entered
    if not first:
        name = {1: "retry", 2: "fallback", 3: "escalation", 4: "hedge", 5: "retry"}[t["cause"]]
        return found | {f"cause_{name}": t["cost"]}
    begin = 0
    for name in ("system", "history", "retrieved", "user"):
        end = whole if name == "user" else begin + t[f"tokens_{name}"]
        pieces = [(max(0, min(end, high) - max(begin, low)), price) for low, high, price in stretches]
        found[f"cause_{name}"] = sum(tokens * price for tokens, price in pieces)
        begin = end
    found["cause_reasoning"], found["cause_answer"] = thought * out, (t["billed_out"] - thought) * out
    found["cause_request"] = int(plan.prices.request[q, n])
    found["cause_cache_writes"] = written * max(0, write - entered)
    assert sum(value for name, value in found.items() if name.startswith("cause_")) == t["cost"]
    return found


def naive_lookups(plan, log, series, windows):
    """What lookups of measured actions found, by window of arrival."""
    costs = plan.answers.cost.tolist()
    for row in rows_of(log.lookups):
        if not 0 <= row["arrival"] < plan.horizon:
            continue
        w, cache = row["arrival"] // windows.length, ("exact", "semantic")[row["cache"]]
        if row["result"] == Lookup.STALE:
            series[f"{cache}_stale"][w] += 1
            continue
        series[f"{cache}_asked"][w] += 1
        series[f"{cache}_cost"][w] += costs[row["time"] >= 4 * HOUR][row["cache"]]
        for name, of in (("hits", (1, 3)), ("joined", (2,)), ("false", (3,)), ("expired", (4,))):
            series[f"{cache}_{name}"][w] += row["result"] in of


def add_action(series, w, a):
    """What an action says of itself."""
    series["arrived"][w] += 1
    series[OUTCOMES[a["outcome"]]][w] += 1
    series["reloads"][w] += a["action"] // 2**33 % 16 > 0
    series["people"][w] += a["degrade_cost"]
    series["shed"][w] += a["reason"] == Kind.SHED
    series["human"][w] += a["reason"] == Kind.HUMAN
    series["lookup_cost"][w] += a["lookup_cost"]
    series["tool_cost"][w] += a["tool_cost"]
    series["rejected_quota"][w] += a["reason"] == Kind.QUOTA
    series["rejected_budget"][w] += a["reason"] == Kind.BUDGET
    series["thrifty"][w] += a["thrift"] != 0
    again, turn = a["action"] // 2**33 % 16, a["action"] // 2**37
    series["questions"][w] += not again
    series["first_turns"][w] += not again and not turn
    if a["reason"] == Kind.HUMAN and a["outcome"] == Outcome.DEGRADED:
        series["people_time"][w] += a["end"] - a["desk_asked"]
    if a["outcome"] <= 1:
        timed = a["kind"] == 0  # the other kind can wait
        series["timed"][w] += timed
        series["latency"][w] += timed * (a["end"] - a["arrival"])
        series["judged"][w] += a["good"] >= 0
        series["good"][w] += a["good"] == 1


def add_verdicts(series, w, a, objectives, ended):
    """Whether an action is bad."""
    verdicts = {one.label: naive_bad(one, a, ended) for one in objectives}
    for label, (bad, counted) in verdicts.items():
        series[f"bad_{label}"][w] += bad
        series[f"counted_{label}"][w] += counted
    series["bad"][w] += any(bad for bad, _ in verdicts.values())
    series["counted"][w] += a["outcome"] != Outcome.CENSORED or any(counted for _, counted in verdicts.values())


def add_attempt(series, w, t, plan):
    """How an attempt ended."""
    series["attempts"][w] += 1
    series[f"attempts_{ATTEMPT_KINDS[t['outcome']]}"][w] += 1
    series["calls"][w] += t["cause"] == Cause.FIRST
    series["sent"][w] += t["deployment"] >= 0 and t["outcome"] != Kind.THROTTLED
    marks = ("probe", "bypass", "no_budget", "gave_up", "all_open", "truncated", "cheaper")
    for bit, name in enumerate(marks):
        series[f"marked_{name}"][w] += t["marks"] >> bit & 1
    failed = t["outcome"] in range(1, Kind.NO_DEPLOYMENT) and t["outcome"] != Kind.MALFORMED
    series["cut_short"][w] += failed and t["first_token"] >= 0 and bool(plan.actions.streaming[t["call"]])


def add_tries(series, w, t, mine, seen):
    """Why an attempt `t` was made, of all of its action; `seen`: which calls had a fallback, or were escalated."""
    series["retries"][w] += t["cause"] in (Cause.RETRY, Cause.CLIENT_RETRY)
    series["retry_wait"][w] += naive_wait(mine, t)
    series["hedges"][w] += t["cause"] == Cause.HEDGE
    series["hedge_wins"][w] += t["cause"] == Cause.HEDGE and t["outcome"] == Kind.OK
    series["cascades"][w] += t["cause"] == Cause.FIRST and t["call"] == 1  # the only call with the cascade's route
    for cause, name in ((Cause.FALLBACK, "fallbacks"), (Cause.ESCALATION, "escalated")):
        key = (name, t["action"], t["call"], t["repeat"])
        series[name][w] += t["cause"] == cause and key not in seen
        if t["cause"] == cause:
            seen.add(key)


def add_bill(series, w, t, a):
    """What an attempt of an action cost."""
    series["cost"][w] += t["cost"]
    series["wasted"][w] += t["cost"] * (t["outcome"] != Kind.OK or a["outcome"] > 1)
    series["tokens_in"][w] += t["billed_in"]
    series["tokens_out"][w] += t["billed_out"]
    series["tokens_cached"][w] += min(t["tokens_cached"], t["billed_in"])


def naive_series(plan, log, objectives):
    """Every series by window, one action and one attempt after the other."""
    windows = timeline_windows(plan.horizon)
    series = defaultdict(lambda: [0] * windows.count)
    measured = {a["action"]: a for a in rows_of(log.actions) if 0 <= a["arrival"] < plan.horizon}
    attempts = defaultdict(list)
    for t in rows_of(log.attempts):
        attempts[t["action"]].append(t)
    for a in measured.values():
        w = a["arrival"] // windows.length
        add_action(series, w, a)
        add_verdicts(series, w, a, objectives, log.ended)
    naive_lookups(plan, log, series, windows)
    seen = set()
    for t in rows_of(log.attempts):
        if t["action"] not in measured:
            continue
        a = measured[t["action"]]
        w = a["arrival"] // windows.length
        for name, value in naive_economy(plan, t).items():
            series[name][w] += value
        add_attempt(series, w, t, plan)
        add_tries(series, w, t, attempts[t["action"]], seen)
        add_bill(series, w, t, a)
    return series
