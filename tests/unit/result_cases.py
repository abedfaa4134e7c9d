"""A small scenario, three random logs of it, and the result that they make."""

from synthetic_log import SECOND, log_of, random_log, synthetic_plan

from simkit.result.result import result_from
from simkit.scenario.load import load

FILE = """
name: A <small> product & more
traffic: {rate: 2/s}
actions: {chat: {calls: [{name: draft, model: small, input: 1000, output: 200}]}}
models:
  small: {deployments: [{provider: alpha}], ttft: 0.5s, tokens_per_second: 50, prices: {input: $1, output: $2}}
sources: {models.small: {kind: measured, from: a test}, traffic: {kind: estimated}}
"""
LOGS = [random_log(seed, 400, seed) for seed in range(3)]
PLAN = synthetic_plan()


USUAL = "slo: {success: 95%, latency: {p95: 12s}}\n"


def maker(folder, text=FILE, usual=USUAL):
    """Makes a scenario of a text, the small one if none is given, and more lines."""

    def make(more=usual):
        path = folder / "scenario.yaml"
        path.write_text(text + more, encoding="utf-8")
        return load(path)

    return make


def made(scenario, logs=LOGS, plan=PLAN, keep=True):
    return result_from(scenario, plan, logs, seed=5, engine="reference", elapsed_s=0.1, keep_logs=keep)


def served(number, latency_s=1.0):
    end = number * SECOND + int(latency_s * SECOND)
    return {"action": number, "arrival": number * SECOND, "start": number * SECOND, "end": end, "first_token": end,
            "cost": 10**9, "good": 1}  # fmt: skip


def lost(number, outcome, reason):
    at = number * SECOND
    return {
        "action": number,
        "arrival": at,
        "start": at if outcome == 2 else -1,
        "end": at,
        "outcome": outcome,
        "reason": reason,
    }


def runs(rows, attempts=(), count=3):
    return [log_of(rows, attempts, replication=r) for r in range(count)]
