"""Random logs with objectives and alerts, and their evidence."""

from synthetic_log import SECOND, evidence_from, random_log, synthetic_plan

from simkit.result.evidence import Evidence
from simkit.scenario.alerts import Alerts
from simkit.scenario.policy import Slo

PLAN = synthetic_plan()
SLO = Slo(success="90%", latency={"p95": "12s"}, ttft={"p50": "4s"}, good="80%")
RULE = {"name": "fast", "severity": "page", "long": "30min", "short": "5min", "burn": 1.5}
ALERTS = Alerts.model_validate({"rules": [RULE], "volume": 5})
LOGS = [random_log(seed, 400, seed) for seed in range(4)]


def evidence(logs=LOGS, plan=PLAN, slo=SLO, alerts=ALERTS) -> Evidence:
    return evidence_from(logs, plan, slo, alerts, every=30 * SECOND)
