"""Has the parity test teeth? One-line mutants of the compiled engine, each of which the generated scenarios must catch.

Run it as a script: `python tests/parity/mutants.py [FIRST BEYOND]`. It exits with 1 if a mutant survives.
Mutants run with the JIT off (nothing to compile); plans and the reference's logs are made once.
"""

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).parents[2]
SCENARIOS = 140
UNCHANGED, WHOLE = -1, '"""The event loop."""'
"""The control: an engine that is no mutant, and the text that is replaced by itself."""

MUTANTS = (
    ("agenda", "event_class << KEY_BITS | key", "key"),
    ("agenda", "(m[event + E_ORDER] < order)", "(m[event + E_ORDER] > order)"),
    ("agenda", "(other - one) * earlier(", "0 * earlier("),
    ("arrival", "    if place == 0:\n", "    if number == 0:\n"),
    ("dice", "if m[c + C_DRAWN] == code:", "if m[c + C_DRAWN] >= 0:"),
    ("station", "m[d + D_WAITING] >= at2(m, QUEUE,", "m[d + D_WAITING] > at2(m, QUEUE,"),
    ("region", "if m[g + G_WAITING] >= at2(m, SERVICE_QUEUE, m[M_EPOCH], r):", "if False:"),
    ("station", "m[d + D_BUSY] -= 1\n    grant_attempts(m, n)", "m[d + D_BUSY] -= 1"),
    ("region", "m[g + G_BUSY] -= 1\n        grant_actions(m, r)", "m[g + G_BUSY] -= 1"),
    ("region", "while m[line] == NONE:\n            line += 2", "line += 2 * (m[line] == NONE)"),
    ("attempt", "at1(m, RUNS_ON, m[t + T_INDEX]) == 1 and", ""),
    ("attempt", "pay(m, t, m[t + T_KIND], m[t + T_FINISH])", "pay(m, t, kind, now)"),
    ("attempt", "if m[t + T_PLACE] == QUEUED:\n        m[", "if m[t + T_PLACE] == SERVED:\n        m["),
    ("attempt", "if m[t + T_FINISH] > m[t + T_GIVES_UP]:", "if m[t + T_FINISH] >= m[t + T_GIVES_UP] + 10**9:"),
    ("attempt", "prefix < at2(m, CACHE_MINIMUM", "prefix <= at2(m, CACHE_MINIMUM"),
    ("attempt", "m[t + (T_CACHED if u < hit_rate else T_WRITTEN)] = prefix", "m[t + T_CACHED] = prefix"),
    ("attempt", "    pay(m, t, kind, now)\n    record(m, t, now, now, kind, now)\n",
     "    record(m, t, now, now, kind, now)\n    pay(m, t, kind, now)\n"),
    ("balance", "and load < fewest:", "and load <= fewest:"),
    ("balance", "m[d + D_BUSY] + m[d + D_WAITING]", "m[d + D_BUSY]"),
    ("balance", "m[t + T_TRY] % found, first)", "0, first)"),
    ("limits", "    if cost > burst:", "    if cost >= burst:"),
    ("limits", "cost_of(m, f, t, b, 1.0), at2(", "cost_of(m, f, t, b, left), at2("),
    ("limits", "elif at1(m, REFUSED_COUNT, b) == 1:", "elif True:"),
    ("limits", "elif at1(m, REFUSED_COUNT, b) == 1:", "elif False:"),
    ("limits", "max(m[bucket], min(after, now + at2(m, BURST, m[M_EPOCH], b)))", "after"),
    ("limits", "if at1(m, CACHED_COUNTS, b) == 0:", "if False:"),
    ("limits", "at1(m, RESERVE_MAX, b) == 1 and", ""),
    ("limits", "if wait > excess:", "if wait >= excess:"),
    ("bill", "    if m[t + T_ANSWERS] == 0:\n        return 0\n", ""),
    ("bill", "if m[t + T_BEGAN] <= ended else NONE", "if m[t + T_BEGAN] < ended else NONE"),
    ("service", "m[t + T_PRICE_ROW] = prices_now(m)", "m[t + T_PRICE_ROW] = 0"),
    ("service", "    draw_cache(m, f, t)\n", ""),
    ("service", "code = m[m[t + T_CALL] + C_NUMBER] << 20 | model", "code = m[t + T_CODE]"),
    ("service", "CALENDAR, m[t + T_KEY], t)", "CALENDAR, -m[t + T_KEY], t)"),
    ("service", "    find_end_of_patience(m, t)\n    watch(m, t)\n", ""),
    ("service", "severity & 63", "0"),
    ("request", "m[c + C_TRY] >= at1(m, MAX_RETRIES, m[M_EPOCH])", "m[c + C_TRY] > at1(m, MAX_RETRIES, m[M_EPOCH])"),
    ("request", "m[c + C_CHOSEN] = m[c + C_BASE] = model", "m[c + C_CHOSEN] = model"),
    ("request", "        m[c + C_FALLBACK] += 1\n", ""),
    ("request", "at1(m, FALLBACK_ON, kind) == 0 and", "False and"),
    ("call", "m[a + A_VERDICT] = min(m[a + A_VERDICT], m[c + C_GOOD])", "m[a + A_VERDICT] = m[c + C_GOOD]"),
    ("call", "seen < m[a + A_SEEN]", "seen > m[a + A_SEEN]"),
    ("action", "while last + 1 < beyond and", "while False and"),
    ("action", "m[M_LAST_END] = max(m[M_LAST_END], m[M_NOW])", "m[M_LAST_END] = m[M_NOW]"),
    ("action", "if m[a + A_PLACE] == QUEUED:", "if m[a + A_PLACE] == GRANTED:"),
    ("arrival", "priority += at1(m, PLAN_PRIORITY, m[a + A_PLAN])", "priority += 0"),
    ("incident", "quota *= real1", "quota = real1"),
    ("incident", "if real1(m, f, ERROR_RATE, v) > worst:", "if real1(m, f, ERROR_RATE, v) >= worst:"),
    ("incident", "    m[source(m, i) + I_ACTIVE] = 0\n    refresh(m, f, i)", "    m[source(m, i) + I_ACTIVE] = 0"),
    ("region", "    grant_actions(m, r)\n    bill_replicas(m, r)\n", "    bill_replicas(m, r)\n"),
    ("kernel", "        grant_attempts(m, n)", "        pass"),
    ("kernel", "not earlier(m, first, now, ARRIVES << KEY_BITS)", "not earlier(m, first, now, CALENDAR << KEY_BITS)"),
    ("kernel", "        if m[row + T_KEY] != check:\n            return NOTHING\n", ""),
    ("kernel", "        if m[row + C_KEY] != check:\n            return NOTHING\n", ""),
    # What happens when something fails.
    ("attempt", "or m[t + T_GIVES_UP] != m[M_NOW]:", "or False:"),
    ("attempt", "m[t + T_BEGAN] > m[t + T_FIRST_BY]:", "m[t + T_BEGAN] >= m[t + T_FIRST_BY]:"),
    ("attempt", "        if kind != OK:\n            return\n", ""),
    ("attempt", "    release(m, t + T_BUDGET)\n", ""),
    ("backoff", "at1(m, DEADLINE_AWARE + layer, 0) == 0 else", "True else"),
    ("backoff", "if before == NONE else before", ""),
    ("balance", "m[ring + S_NEXT] = (m[ring + S_NEXT] + 1) % RING", "m[ring + S_NEXT] = 0"),
    ("balance", "    if hedge == 1:\n        found = without", "    if False:\n        found = without"),
    ("breaker", "(state == OPEN or not is_news)", "state == OPEN"),
    ("breaker", "m[b + PROBING] -= state == HALF_OPEN and is_news", "m[b + PROBING] -= state == HALF_OPEN"),
    ("breaker", "if m[b + PROVED] == at1(m, BREAKER_PROBES, m[M_EPOCH]):", "if True:"),
    ("breaker", "    if too_many_open(m, replica, model):\n        return\n", ""),
    ("breaker", "        m[b + STREAK] = 0\n    peer", "        pass\n    peer"),
    ("budget", "or m[b + B_OUT] >= retries_allowed(least, share, m[b + B_ACTIVE])", ""),
    ("budget", "BUDGET_THROTTLED if kind == RATE_LIMIT else BUDGET_RETRY", "BUDGET_RETRY"),
    ("hedge", "m[t + T_OVER] == 1 or is_streaming(m, t):", "m[t + T_OVER] == 1:"),
    ("ladder", "t = NONE if alone else m[t + T_STORY]", "t = NONE"),
    ("limits", "if interval == m[r + R_INTERVAL] + 1 else 0", ""),
    ("people", "    leave_service(m, a)\n", ""),
    ("people", "    m[a + A_DUE] = NONE  # an overhead that a deadline cut short ends nothing any more\n", ""),
    ("people", "and m[M_DESK_WAITING] >= at2(m, LADDER_QUEUE", "and m[M_DESK_WAITING] > at2(m, LADDER_QUEUE"),
    ("people", "    m[a + A_DESK_BEGAN] = m[M_NOW]\n", ""),
    ("people", "    if not is_lucky(m, f, a, rung):\n        return False\n", ""),
    ("ladder", "    if not is_lucky(m, f, a, rung):\n        return False\n", ""),
    ("request", "    m[c + C_SHOWN] = 0\n", ""),
    ("request", "m[t + T_CODE] - m[t + T_HEDGE], 5)", "m[t + T_CODE], 5)"),
    ("request", "    release(m, c + C_HELD)\n", ""),
    ("request", "    m[c + C_REQUEST_UNTIL] = NEVER\n    release", "    release"),
    ("service", "slowdown *= slowness(m, f, n)", "slowdown *= 1.0"),
    ("throttle", "kind != CANCELLED and", "kind == CANCELLED or"),
    ("user", "    if m[a + A_SHOWN] == 1:\n        return True\n", ""),
    ("user", "again > at1(m, AUDIENCE_RELOAD_AT_MOST, 0)", "again >= at1(m, AUDIENCE_RELOAD_AT_MOST, 0)"),
    ("arrival", "uniform(m, KIND, origin(number), 0, 0)", "uniform(m, KIND, number, 0, 0)"),
    # What spares money or limits it.
    ("answers", "    if at1(m, HISTORY, index) == 1 and turn(m[a + A_NUMBER]) > 0:\n        return False\n", ""),
    ("answers", "            touch(m, s, entry)\n", ""),
    ("answers", "            touch(m, s, entry)\n", "            renew(m, s, entry, m[M_NOW])\n"),
    ("answers", "        m[heir + C_MISSED + cache] = m[entry + E_KEY]\n", ""),
    ("answers", "result, good = FALSE, min(good, 0)", "result = FALSE"),
    ("answers", "m[a + A_RANK] if traced else origin(m[a + A_NUMBER])", "origin(m[a + A_NUMBER])"),
    ("answers", "    join(m, entry + E_FOLLOWER, C_FOLLOWER, c)\n    m[M_JOINED]", "    m[M_JOINED]"),
    ("answers", "        while m[s + K_COUNT] >=", "        while m[s + K_COUNT] >"),
    ("answers", "drop(m, s, m[s + K_FIRST])", "drop(m, s, m[s + K_LAST])"),
    ("answers", "    m[m[SINCE] + 2 * r + cache] = m[M_NOW]\n", ""),
    ("action", "            give_up(m, c)\n", "            pass\n"),
    ("store", "min(m[e + E_USES] + 1, m[s + K_COUNTS])", "0"),
    ("store", "if before != NONE and m[before + E_USES] == m[e + E_USES] else NONE", ""),
    ("prefix", "drop(m, s, m[s + K_FIRST])\n    while", "drop(m, s, m[s + K_LAST])\n    while"),
    ("prefix", "        if m[entry + E_END] < m[p + P_END]:\n            break\n", ""),
    ("prefix", "        if not refresh and end <= m[t + T_RUN]:\n", "        if False:\n"),
    ("prefix", "if refresh or end > m[entry + E_END]:", "if refresh:"),
    ("attempt", "    if m[M_PREFIXES] == 1 and kind in ANSWERING:\n        visit(m, t)\n", ""),
    ("attempt", "max(m[t + T_TOKENS_OUT] - m[t + T_REASONING], 1)", "max(m[t + T_TOKENS_OUT], 1)"),
    ("prompt", "        m[c + C_USER] = 0  #", "        pass  #"),
    ("prompt", "max(0, said - out)", "said"),
    ("conversation", "answer = m[c + C_TOKENS_OUT] - m[c + C_REASONING]", "answer = m[c + C_TOKENS_OUT]"),
    ("conversation", "        m[a + A_SUMMARIES] += 1\n", ""),
    ("conversation", "if outcome == SUCCESS else 0", ""),
    ("spending", "<= m[x + X_SPENT]", "< m[x + X_SPENT]"),
    ("spending", "            for i in range(SPENT_WIDTH):\n", "            for i in range(1):\n"),
    ("spending", "        if m[spent(m, budget) + X_BLOCKS] == 1 and covers", "        if covers"),
    ("spending", "            return False\n        m[a + A_THRIFT]", "            pass\n        m[a + A_THRIFT]"),
    ("call", "m[t + T_MARKS] & TRUNCATED", "False"),
    ("call", "instead != following and instead == model", "False"),
    ("bill", "if m[t + T_BATCH] == 0 else BILLED_NOTHING", ""),
    ("hold", "    m[place(m, region_of(m, a)) + G_PRESENT] -= 1\n", "    pass\n"),
    ("hold", "    m[a + A_LINED_UP] = m[M_NOW]\n", ""),
    ("kernel", "        if key & RESET:\n            reset(m, row)\n        elif", "        if"),
    ("attempt", "count_active(m, t, -1)", "count_active(m, t, 0)"),
    ("backoff", "    said = heard_ns(said, at1(m, RETRY_AFTER_UNIT + layer, m[M_EPOCH]))\n", ""),
    ("breaker", "if at1(m, BREAKER_PANIC_CHAIN, 0) == 1:", "if False:"),
    ("breaker", "said = heard_ns(m[t + T_RETRY_AFTER], at1(m, RETRY_AFTER_UNIT, m[M_EPOCH]))",
     "said = m[t + T_RETRY_AFTER]"),
    ("outliers", "if look(m, breaker_at(m, replica, place)) == OPEN:", "if False:"),
    ("outliers", "m[m[RESULTS] + i] = 0", "m[m[RESULTS] + i] += 0"),
    ("request", "if at1(m, ERROR_FIRST, 0) == 1:", "if False:"),
    ("pace", "if m[o + O_ARRIVAL] < m[first + O_ARRIVAL] or", "if m[o + O_ARRIVAL] > m[first + O_ARRIVAL] or"),
    ("arrival", "at2(m, USERS_OFFSET, e, home) + guided(", "guided("),
    ("prompt", "return tokens if factor == 1.0 else scaled(tokens, factor)", "return tokens"),
    ("region", "        going = max(0, ", "        going = min(0, "),
    ("region", "m[g + G_REPLICAS] = within(m, r, m[g + G_REPLICAS])", "pass"),
    ("scaler", "elif m[g + G_ORDERED] == 0 and most", "elif most"),
    ("scaler", "    m[g + G_LOOKS] += 1\n", ""),
    ("scaler", "    m[g + G_BUSY_NS] = m[g + G_CAPACITY_NS] = 0\n", "    m[g + G_BUSY_NS] = 0\n"),
    ("watch", "    m[g + G_FAILED] = m[g + G_GOOD] = 0\n    if", "    if"),
    ("watch", "m[g + G_GOOD] = 0 if falls else m[g + G_GOOD] + 1", "m[g + G_GOOD] += 1"),
    ("watch", "    if generation != m[g + G_GENERATION]:\n        return\n", ""),
    ("watch", "        if since <= at:", "        if since < at or True:"),
    ("choice", "or m[a + A_TRIED] >> r & 1 == 1", "or False"),
    ("choice", "if forbidden > 0 and (allowed == 0 or open_elsewhere > 0):", "if forbidden > 0 and allowed == 0:"),
    ("choice", "        left &= ~(1 << r)\n", ""),
    ("choice", "panics = total < 1.0 and", "panics = False and"),
    ("choice", "    return way + m[g + G_WAIT]", "    return way"),
    ("guide", "    if was == ON_THE_WAY:\n        if is_up(m, f, a):", "    if was == ON_THE_WAY:\n        if True:"),
    ("guide", "m[a + A_NETWORK] = m[M_NOW] - m[a + A_ARRIVAL]", "m[a + A_NETWORK] = 0"),
    ("incident", "    for r in range(m[M_REGIONS]):\n        if at2(m, REGION_HITS, i, r) == 1:\n            refresh",
     "    for r in range(m[M_REGIONS] - 1):\n        if at2(m, REGION_HITS, i, r) == 1:\n            refresh"),
    ("incident", "    if u >= real1(m, f, LOST, severity):\n        return NOTHING\n", ""),
    ("incident", "                empty_store(m, cache, r)\n", "                pass\n"),
    ("balance", "    m[M_FORBIDDEN] = permitted == 0 and found > 0\n", ""),
    ("balance", "at3(m, REGIONS_TO_MODEL, e, r, n) > least:", "at3(m, REGIONS_TO_MODEL, e, r, n) < least:"),
    ("service", "        start += at3(m, REGIONS_TO_MODEL", "        start += 0 * at3(m, REGIONS_TO_MODEL"),
    ("answers", "return 0 if at1(m, ANSWERS_SHARED, cache) == 1 else r", "return r"),
    ("user", "not (lost or asks_again(m, f, a, outcome))", "not asks_again(m, f, a, outcome)"),
    ("action", "        m[M_KIND] = RESIDENCY\n", ""),
    # Users who come and go; random factors.
    ("pace", "f[F_OPERATIONAL] + f[F_LEFT] / f[F_PACE]", "f[F_OPERATIONAL] + f[F_LEFT]"),
    ("pace", "f[F_LEFT] = remaining(f[F_LEFT], f[F_OPERATIONAL], now, f[F_PACE])", "pass"),
    ("pace", "m[M_SEGMENT] = m[M_DUE_SEGMENT]", "pass"),
    ("pace", "for source in range(m[M_STREAMS]):\n        walk", "for source in range(1):\n        walk"),
    ("pace", "since // at1(m, MODULATION_EVERY", "m[M_BEGIN] // at1(m, MODULATION_EVERY"),
    ("pace", "factor *= f[m[FACTORS] + level]", "factor = f[m[FACTORS] + level]"),
    ("population", "since <= at1(m, GROWTH_WITHIN, 0)", "since < at1(m, GROWTH_WITHIN, 0) // 2"),
    ("population", "walk_at_new_pace(m, f, user % m[M_HOMES])", "pass"),
    ("population", "if m[p + P_STATE] == NEW:\n        since", "if m[p + P_STATE] != ACTIVE:\n        since"),
    ("population", "QUOTA if reason == BY_QUOTA else REJECTED", "REJECTED"),
    ("population", "    elif m[a + A_GOOD] == 0:\n", "    elif m[a + A_GOOD] == 0 and False:\n"),
    ("population", "> at1(m, GROWTH_SLOW_AFTER, m[M_EPOCH]):", ">= 2 * at1(m, GROWTH_SLOW_AFTER, m[M_EPOCH]):"),
    ("population", "if m[member(m, user) + P_STATE] == NEW:\n            decide", "if True:\n            decide"),
    ("population", "    m[p + P_MET] = 0\n    return True", "    return True"),
    ("population", "uniform(m, OF_STAY, user, weeks, 0)", "uniform(m, OF_STAY, user, 0, 0)"),
    ("population", "m[M_BEGIN] // day + 1", "m[M_BEGIN] // day + 2"),
    ("population", "while m[listed(m, home, place) + Y_TOTAL] <=", "if m[listed(m, home, place) + Y_TOTAL] <="),
    ("population", "+ Y_FIRST]\n        while", "+ Y_FIRST] + 1\n        while"),
    ("population", "if times(m[p + P_MET], QUOTA) > 0:", "if True:"),
    ("conversation", "m[row + V_USER] = m[a + A_USER]", "m[row + V_USER] = 0"),
    ("spending", "for user in range(m[M_USERS] if m[M_GROWS] == 1 else length(m, ALLOWED)):",
     "for user in range(length(m, ALLOWED)):"),
    # Limits that rise with what was spent.
    ("limits", "m[M_EPOCH], b, at1(m, LEVELS, b)), left)", "m[M_EPOCH], b, 0), left)"),
    ("tiers", "        if due > m[M_NOW]:\n", "        if False:\n"),
    ("tiers", "m[z + Z_TIER]) <= m[z + Z_SPENT]:", "m[z + Z_TIER]) < m[z + Z_SPENT]:"),
    ("tiers", "if at2(m, TIERS_COVERS, number, m[t + T_DEPLOYMENT]) == 1:", "if True:"),
    ("tiers", "m[z + Z_SINCE] = min(m[z + Z_SINCE], m[M_NOW])", "m[z + Z_SINCE] = m[M_NOW]"),
    ("tiers", "        if at1(m, TIERS_ACCOUNT, b) == number:\n", "        if True:\n"),
)  # fmt: skip
"""File of the engine, a text in it, and what stands there instead."""


def prepare(folder: Path) -> None:
    """Plans of the generated scenarios and the reference's logs of them."""
    from economy_strategies import thrifty
    from growth_strategies import lively, plan_of
    from region_strategies import far_flung
    from scenario_strategies import scenario

    from simkit.engine.reference import run

    cases: list[Any] = []
    for seed in range(SCENARIOS):
        for made in (scenario, thrifty, far_flung, lively):
            plan = plan_of(made(Random(seed)), folder)
            cases.append((plan, seed, run(plan, seed, seed % 3)))
    cases.sort(key=lambda case: int(case[2].events))  # most mutants are caught by a small one
    (folder / "cases.pickle").write_bytes(pickle.dumps(cases))


def compare(folder: Path) -> int:
    """In a mutant's process: 1 at the first difference (an exception is one, too)."""
    from test_parity import differences

    from simkit.engine.compiled import run

    for plan, seed, log in pickle.loads((folder / "cases.pickle").read_bytes()):
        if differences(log, run(plan, seed, seed % 3)):
            print(f"scenario {seed}", end=" ")
            return 1
    return 0


def caught(number: int, folder: Path) -> bool:
    """Run one mutant (UNCHANGED: none) in a copy of the package."""
    module, text, instead = MUTANTS[number] if number != UNCHANGED else ("kernel", WHOLE, WHOLE)
    copy = folder / "mutant"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT / "simkit", copy / "simkit", ignore=shutil.ignore_patterns("__pycache__"))
    file = copy / "simkit" / "engine" / "compiled" / f"{module}.py"
    source = file.read_text()
    if source.count(text) != 1:
        raise SystemExit(f"mutant {number}: {text!r} stands {source.count(text)} times in {module}.py")
    file.write_text(source.replace(text, instead))
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": f"{copy}{os.pathsep}{ROOT / 'tests'}"}
    command = [sys.executable, "-W", "ignore", __file__, "--compare", str(folder)]
    try:
        found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    except subprocess.TimeoutExpired:
        print(f"{number:3} caught (does not end) {module}: {instead!r}", flush=True)
        return True
    where = found.stdout.strip() or (found.stderr.strip().splitlines() or [""])[-1][:60]
    word = "caught" if found.returncode else "SURVIVES" if number != UNCHANGED else "agrees"
    print(f"{number:3} {word} ({where}) {module}: {text!r} -> {instead!r}", flush=True)
    return found.returncode != 0


def main() -> int:
    """Run all mutants, or a range of them."""
    if sys.argv[1:2] == ["--compare"]:
        return compare(Path(sys.argv[2]))
    first, beyond = map(int, sys.argv[1:3]) if len(sys.argv) > 2 else (0, len(MUTANTS))
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        if caught(UNCHANGED, Path(folder)):
            raise SystemExit("the engine as it is differs from the reference: nothing can be told of mutants")
        survivors = [number for number in range(first, beyond) if not caught(number, Path(folder))]
    print(f"{beyond - first} mutants, {len(survivors)} survive: {survivors}")
    return 1 if survivors else 0


if __name__ == "__main__":
    raise SystemExit(main())
