"""The named checks: what a scenario says that its author may not have meant, and how to repair it.

Every rule is a function `check_*(document)` that yields findings; all are collected before anything is told.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from simkit.scenario import (
    checks_caches,
    checks_growth,
    checks_limits,
    checks_policy,
    checks_promises,
    checks_regions,
    checks_resilience,
    checks_spending,
    checks_tokens,
    checks_users,
)
from simkit.scenario.batch_models import with_batch_models
from simkit.scenario.findings import Finding
from simkit.scenario.scenario import Document

if TYPE_CHECKING:
    from simkit.scenario.load import Scenario

Check = Callable[[Document], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    checks_limits.check_quota_load,
    checks_limits.check_service_load,
    checks_limits.check_concurrency_load,
    checks_limits.check_standby_limit,
    checks_limits.check_service_unlimited,
    checks_tokens.check_timeout_cuts_answers,
    checks_tokens.check_output_cut,
    checks_tokens.check_context_exceeded,
    checks_tokens.check_prompt_prefix,
    checks_policy.check_fallback_independence,
    checks_resilience.check_retries_within_deadline,
    checks_resilience.check_retry_amplification,
    checks_resilience.check_attempts_stack,
    checks_resilience.check_backoff_cut,
    checks_resilience.check_hedge_after_timeout,
    checks_resilience.check_budget_starts_empty,
    checks_resilience.check_no_timeout_with_probes,
    checks_resilience.check_breaker_never_opens,
    checks_users.check_patience_below_ttft,
    checks_users.check_human_overloaded,
    *checks_caches.CHECKS,
    *checks_spending.CHECKS,
    *checks_regions.CHECKS,
    *checks_growth.CHECKS,
    checks_policy.check_batch_price,
    checks_policy.check_outages_modelled,
    checks_policy.check_incident_has_effect,
    checks_policy.check_outages_rare,
    checks_promises.check_slo_window,
    checks_promises.check_promise_trivial,
    checks_promises.check_promise_impossible,
    checks_promises.check_sources,
)

PLANNED = {"service_unlimited", "outages_not_modelled", "outages_rare", "slo_window", "assumed_figures"}
"""What is true of most drafts, and said with every result in another way."""


def run_checks(scenario: "Scenario | Document") -> list[Finding]:
    """All findings of all checks, errors first."""
    document = with_batch_models(scenario if isinstance(scenario, Document) else scenario.document)
    found = [finding for check in CHECKS for finding in check(document)]
    return sorted(found, key=lambda finding: finding.severity != "error")


def surprises(scenario: "Scenario | Document") -> list[Finding]:
    """Findings that a run should not pass over in silence: all but those of how it was planned (see PLANNED)."""
    return [finding for finding in run_checks(scenario) if finding.name not in PLANNED]


__all__ = ["CHECKS", "Finding", "run_checks", "surprises"]
