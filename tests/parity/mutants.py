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
SCENARIOS = 100
CONTROL = 0
"""The mutant that is none."""

MUTANTS = (
    ("kernel", "", ""),  # none: the control, which must survive for the others to mean anything
    ("agenda", "event_class << KEY_BITS | key", "key"),
    ("agenda", "(m[event + E_ORDER] < order)", "(m[event + E_ORDER] > order)"),
    ("agenda", "child += earlier(", "child += 0 * earlier("),
    ("action", "        draw_ahead(m, KIND, AHEAD_KIND)", "        pass"),
    ("dice", "if m[c + C_DRAWN] == code:", "if m[c + C_DRAWN] >= 0:"),
    ("station", "m[d + D_WAITING] >= at2(m, QUEUE,", "m[d + D_WAITING] > at2(m, QUEUE,"),
    ("station", "if m[M_SERVICE_WAITING] >= at1(m, SERVICE_QUEUE, m[M_EPOCH]):", "if False:"),
    ("station", "m[d + D_BUSY] -= 1\n    grant_attempts(m, n)", "m[d + D_BUSY] -= 1"),
    ("station", "m[M_SERVICE_BUSY] -= 1\n        grant_actions(m)", "m[M_SERVICE_BUSY] -= 1"),
    ("station", "while m[line] == NONE:\n            line += 2", "line += 2 * (m[line] == NONE)"),
    ("attempt", "at1(m, RUNS_ON, m[t + T_INDEX]) == 1 and", ""),
    ("attempt", "bill(m, t, m[t + T_KIND], m[t + T_FINISH])", "bill(m, t, kind, now)"),
    ("attempt", "if m[t + T_PLACE] == QUEUED:\n        m[", "if m[t + T_PLACE] == SERVED:\n        m["),
    ("attempt", "if m[t + T_FINISH] > m[t + T_TIMES_OUT]:", "if m[t + T_FINISH] >= m[t + T_TIMES_OUT] + 10**9:"),
    ("attempt", "prefix < at2(m, CACHE_MINIMUM", "prefix <= at2(m, CACHE_MINIMUM"),
    ("attempt", "m[t + (T_CACHED if u < hit_rate else T_WRITTEN)] = prefix", "m[t + T_CACHED] = prefix"),
    ("attempt", "    settle(m, t, kind)\n    follow_up(m, TOLD, c, key, kind)",
     "    follow_up(m, TOLD, c, key, kind)\n    settle(m, t, kind)"),
    ("dispatch", "if load < fewest:", "if load <= fewest:"),
    ("dispatch", "m[d + D_BUSY] + m[d + D_WAITING]", "m[d + D_BUSY]"),
    ("dispatch", "first + m[t + T_TRY] % (beyond - first)", "first"),
    ("limits", "b, 1.0) > burst:", "b, 1.0) >= burst:"),
    ("limits", "b, 1.0) > burst:", "b, left) > burst:"),
    ("limits", "elif at1(m, REFUSED_COUNT, b) == 1:", "elif True:"),
    ("limits", "elif at1(m, REFUSED_COUNT, b) == 1:", "elif False:"),
    ("limits", "max(m[bucket], min(after, now + at2(m, BURST, m[M_EPOCH], b)))", "after"),
    ("limits", "if at1(m, CACHED_COUNTS, b) == 0:", "if False:"),
    ("limits", "at1(m, RESERVE_MAX, b) == 1 and", ""),
    ("limits", "if wait > excess:", "if wait >= excess:"),
    ("bill", "elif billed == BILLED_ELAPSED and m[t + T_ANSWERS] == 1:", "elif billed == BILLED_ELAPSED:"),
    ("bill", "if m[t + T_BEGAN] <= ended else NONE", "if m[t + T_BEGAN] < ended else NONE"),
    ("service", "m[t + T_PRICE_ROW] = prices_now(m)", "m[t + T_PRICE_ROW] = 0"),
    ("service", "    draw_cache(m, f, t)\n", ""),
    ("service", "code = m[m[t + T_CALL] + C_NUMBER] << 20 | model", "code = m[t + T_CODE]"),
    ("service", "schedule(m, BEFORE_ALL, 0, m[t + T_KEY], t)", "schedule(m, BEFORE_ALL, 0, -m[t + T_KEY], t)"),
    ("service", "        watch(m, t)\n        return\n", "        return\n"),
    ("service", "severity & 63", "0"),
    ("call", "m[c + C_TRY] < at1(m, MAX_RETRIES, m[M_EPOCH])", "m[c + C_TRY] <= at1(m, MAX_RETRIES, m[M_EPOCH])"),
    ("call", "    m[c + C_BASE] = model\n", ""),
    ("call", "m[c + C_FALLBACK] = i + 1", "m[c + C_FALLBACK] = i"),
    ("call", "if at1(m, FALLS_BACK, kind) == 1 else NONE", ""),
    ("call", "m[a + A_VERDICT] = min(m[a + A_VERDICT], m[c + C_GOOD])", "m[a + A_VERDICT] = m[c + C_GOOD]"),
    ("call", "seen < m[a + A_SEEN]", "seen > m[a + A_SEEN]"),
    ("action", "while last + 1 < beyond and", "while False and"),
    ("action", "m[M_LAST_END] = max(m[M_LAST_END], m[M_NOW])", "m[M_LAST_END] = m[M_NOW]"),
    ("action", "if m[a + A_PLACE] == QUEUED:", "if m[a + A_PLACE] == GRANTED:"),
    ("action", "priority += at1(m, PLAN_PRIORITY, m[a + A_PLAN])", "priority += 0"),
    ("incident", "quota *= real1", "quota = real1"),
    ("incident", "if real1(m, f, ERROR_RATE, v) > worst:", "if real1(m, f, ERROR_RATE, v) >= worst:"),
    ("incident", "    m[source(m, i) + I_ACTIVE] = 0\n    refresh(m, f, i)", "    m[source(m, i) + I_ACTIVE] = 0"),
    ("kernel", "    grant_actions(m)\n", ""),
    ("kernel", "        grant_attempts(m, n)", "        pass"),
    ("kernel", "m[first + E_TIME] > m[M_NOW]", "m[first + E_TIME] >= m[M_ARRIVAL]"),
    ("kernel", "        if m[row + T_KEY] != check:\n            return NOTHING\n", ""),
    ("kernel", "        if m[row + C_KEY] != check:\n            return NOTHING\n", ""),
)  # fmt: skip
"""File of the engine, a text in it, and what stands there instead."""


def prepare(folder: Path) -> None:
    """Plans of the generated scenarios and the reference's logs of them."""
    from scenario_strategies import scenario

    from simkit.engine.reference import run
    from simkit.plan.compile import compile_plan
    from simkit.scenario.load import load

    cases: list[Any] = []
    for seed in range(SCENARIOS):
        plan = compile_plan(load(scenario(Random(seed)).write(folder)))
        cases.append((plan, seed, run(plan, seed, seed % 3)))
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
    """Run one mutant in a copy of the package."""
    module, text, instead = MUTANTS[number]
    copy = folder / "mutant"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT / "simkit", copy / "simkit", ignore=shutil.ignore_patterns("__pycache__"))
    file = copy / "simkit" / "engine" / "compiled" / f"{module}.py"
    source = file.read_text()
    if text and source.count(text) != 1:
        raise SystemExit(f"mutant {number}: {text!r} stands {source.count(text)} times in {module}.py")
    file.write_text(source.replace(text, instead))
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(copy)}
    command = [sys.executable, "-W", "ignore", __file__, "--compare", str(folder)]
    try:
        found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        print(f"{number:3} caught (does not end) {module}: {instead!r}", flush=True)
        return True
    where = found.stdout.strip() or (found.stderr.strip().splitlines() or [""])[-1][:60]
    word = "caught" if found.returncode else "SURVIVES"
    print(f"{number:3} {word} ({where}) {module}: {text!r} -> {instead!r}", flush=True)
    return found.returncode != 0


def main() -> int:
    """Run all mutants, or a range of them."""
    if sys.argv[1:2] == ["--compare"]:
        return compare(Path(sys.argv[2]))
    first, beyond = map(int, sys.argv[1:3]) if len(sys.argv) > 2 else (1, len(MUTANTS))
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        if caught(CONTROL, Path(folder)):
            raise SystemExit("The engine as it is differs from the reference: mutants would prove nothing.")
        survivors = [number for number in range(first, beyond) if not caught(number, Path(folder))]
    print(f"{beyond - first} mutants, {len(survivors)} survive: {survivors}")
    return 1 if survivors else 0


if __name__ == "__main__":
    raise SystemExit(main())
