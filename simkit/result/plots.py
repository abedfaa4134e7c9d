"""Which picture shows which table. The pictures are `simkit.report`'s, loaded when one is drawn."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from simkit.result.words import duration, percent

if TYPE_CHECKING:
    from simkit.result.result import Result


def draw(result: "Result", table: str) -> Any:
    """The picture of a table of a result.

    Raises:
        KeyError: There is none.
    """
    return PICTURES[table](result)


def _figures(name: str) -> Any:
    return import_module(f"simkit.report.{name}")


def _latency(result: "Result") -> Any:
    marks = {label: result.metrics[f"latency_{label}"].value for label in ("p50", "p95", "p99")}
    rate = result.metrics["success_rate"].value
    served = "" if rate is None else f"{percent(rate)} of the actions were served"
    return _figures("figures").latency_figure(result.latency_distribution, marks, _latency_objectives(result), served)


def _latency_objectives(result: "Result") -> dict[str, float]:
    return {one.label.split()[-1]: one.limit / 1e9 for one in result.evidence.objectives if one.kind == "latency"}


def _timeline(result: "Result") -> Any:
    return _figures("figures_time").timeline_figure(result.timeline, _shaded(result), _latency_objectives(result))


def _shaded(result: "Result") -> Any:
    """Incidents of every replication; those of one alone only where there is one."""
    found = result.incidents
    return found if result.replications == 1 else found[found["replication"] < 0]


def _costs(result: "Result") -> Any:
    return _figures("figures").costs_figure(result.costs, duration(result.plan.horizon))


def _models(result: "Result") -> Any:
    return _figures("figures").models_figure(result.models, duration(result.plan.horizon))


def _limits(result: "Result") -> Any:
    return _figures("figures_time").limits_figure(result.limits, _shaded(result))


def _budget(result: "Result") -> Any:
    from simkit.result.slo import allowance

    figures, timeline = _figures("figures_time"), result.timeline
    targets = {one.label: one.target for one in result.evidence.objectives}
    left = figures.budget_left(timeline, targets, allowance(result.evidence))
    return figures.budget_figure(left, timeline, _shaded(result))


def _breakers(result: "Result") -> Any:
    """Of the first replication: breakers open at other times in each."""
    figures, first = _figures("figures_resilience"), result.tallies[0].replication
    table = result.breakers
    probes = bool((result.plan.breaker.probes > 0).any())
    spans = figures.breaker_spans(table[table["replication"] == first], result.plan.horizon / 1e9, probes=probes)
    return figures.breakers_figure(spans, result.timeline, _shaded_in(result, first), _alone(result, first))


def _alone(result: "Result", replication: int) -> str:
    return "" if result.replications == 1 else f"replication {replication}"


def _shaded_in(result: "Result", replication: int) -> Any:
    """Incidents of one replication, scheduled ones included."""
    found = result.incidents
    return found[found["replication"].isin([-1, replication])]


def _attempts(result: "Result") -> Any:
    return _figures("figures_resilience").attempts_figure(result.attempts_per_action)


def _alerts(result: "Result") -> Any:
    """Of the first replication, and of its objective that burned fastest."""
    from simkit.result.tables_resilience import burn_of

    figures, first = _figures("figures_resilience"), result.tallies[0].replication
    objective, burn, rules = burn_of(result.evidence)
    table = result.alerts
    bars = figures.alert_bars(table[table["replication"] == first], result.plan.horizon / 1e9)
    note = ", ".join(filter(None, (f"objective: {objective}", _alone(result, first))))
    return figures.alerts_figure(burn, rules, bars, result.timeline, _shaded_in(result, first), note)


def _reasons(result: "Result") -> Any:
    ended = result.evidence.total("ended") / result.replications
    return _figures("figures_attempts").outcomes_figure(result.reasons, ended)


def _endings(result: "Result") -> Any:
    return _figures("figures_attempts").endings_figure(result.endings, _shaded(result))


def _pressure(result: "Result") -> Any:
    return _figures("figures_attempts").pressure_figure(result.pressure, _shaded(result))


def _hit_rates(result: "Result") -> Any:
    figures, table = _figures("figures_economy"), result.hit_rates
    return figures.hit_rate_figure(table, _emptied(result), _shaded(result), _caches(result))


def _emptied(result: "Result") -> Any:
    """When each cache of answers was emptied: cache, time (local)."""
    import pandas as pd

    from simkit.result.tables import local_times

    times, which = result.plan.resets.emptied_time, result.plan.resets.emptied
    parts = []
    for place, cache in enumerate(("exact", "semantic")):
        if result.plan.answers.on[place]:
            mine = local_times(result.evidence, times[which & (1 << place) != 0])
            parts.append(pd.DataFrame({"cache": cache, "time": mine}))
    return pd.concat(parts) if parts else pd.DataFrame({"cache": [], "time": []})


def _caches(result: "Result") -> dict[str, str]:
    """Of each cache its size and hit rate in words."""
    from simkit.plan.plan import NEVER
    from simkit.result.words import number

    capacity = result.plan.answers.capacity[0]
    return {
        str(row.cache): f"{percent(float(row.hit_rate))}"  # type: ignore[arg-type]
        + (f"\nroom for {number(capacity[place])}" if capacity[place] < NEVER else "")
        for place, cache in enumerate(("exact", "semantic"))
        for row in result.caches.itertuples() if row.cache == cache and row.asked
    }  # fmt: skip


def _causes(result: "Result") -> Any:
    return _figures("figures_economy").cost_by_cause_figure(result.causes, _shaded(result))


def _turns(result: "Result") -> Any:
    return _figures("figures_economy").tokens_by_turn_figure(result.turns)


def _money_budgets(result: "Result") -> Any:
    """Of the first replication."""
    figures, first = _figures("figures_economy"), result.tallies[0].replication
    table = result.budgets
    return figures.budget_figure(table[table["replication"] == first], _alone(result, first))


def _work(result: "Result") -> Any:
    return _figures("figures_economy").peak_figure(result.work)


def _spikes(result: "Result") -> Any:
    return _figures("figures_economy").cost_by_cause_figure(result.causes, _shaded(result), result.spikes)


def _prompt_caches(result: "Result") -> Any:
    """Over time of all deployments together: read tokens are added up by window, not by deployment."""
    import numpy as np
    import pandas as pd

    moments = result.timeline[["start", "end"]]
    names = {"tokens_in": "tokens_in", "read": "tokens_cached"}
    sums = {name: np.sum([one.series[of] for one in result.tallies], axis=0) for name, of in names.items()}
    tokens = pd.DataFrame(moments).assign(**sums)
    return _figures("figures_shares").prompt_caches_figure(result.prompt_caches, tokens, _shaded(result))


def _users(result: "Result") -> Any:
    from simkit.result.causes import users_cost

    return _figures("figures_shares").users_figure(users_cost(result.evidence)[2])


def _flow(result: "Result") -> Any:
    return _figures("figures_regions").flow_figure(result.flow, result.plan.names.regions)


def _region_timeline(result: "Result") -> Any:
    figures = _figures("figures_regions")
    marks = moments_of(result) if result.plan.regions.on[0] else {}
    return figures.region_timeline_figure(
        result.region_timeline, result.timeline, _shaded(result), marks, _latency_objectives(result)
    )


def moments_of(result: "Result") -> dict[str, Any]:
    """What happened in the failover after the first scheduled loss of a region, by name; medians of replications."""
    import pandas as pd

    found = result.failovers[result.failovers["replication"] < 0]
    if found.empty:
        return {}
    first = found.iloc[0]
    names = {"published_s": "clients are told", "moved_s": "95 % has moved", "back_s": "traffic is back"}
    begins = {"back_s": first["end"]}
    return {
        text: begins.get(name, first["start"]) + pd.Timedelta(seconds=first[name])
        for name, text in names.items() if not pd.isna(first[name])
    }  # fmt: skip


def _replicas(result: "Result") -> Any:
    return _figures("figures_regions").replicas_figure(result.replicas, _shaded(result))


def _failovers(result: "Result") -> Any:
    return _figures("figures_regions").failovers_figure(result.failovers)


def _regions(result: "Result") -> Any:
    return _figures("figures_regions").regions_figure(result.regions)


def _residency(result: "Result") -> Any:
    return _figures("figures_regions").residency_figure(result.residency)


def _days(result: "Result") -> Any:
    objectives = {one.label: one.target for one in result.evidence.objectives}
    return _figures("figures_growth").days_figure(result.days, _latency_objectives(result), objectives)


def _months(result: "Result") -> Any:
    return _figures("figures_growth").months_figure(result.months, _latency_objectives(result))


def _cohorts(result: "Result") -> Any:
    return _figures("figures_growth").cohorts_figure(result.cohorts)


def _retention(result: "Result") -> Any:
    return _figures("figures_growth").retention_figure(result.retention)


def _money(result: "Result") -> Any:
    return _figures("figures_growth").money_figure(result.money, result.months)


def _breaks(result: "Result") -> Any:
    return _figures("figures_growth").breaks_figure(result.breaks, result.months)


PICTURES = {
    "latency_distribution": _latency,
    "timeline": _timeline,
    "costs": _costs,
    "models": _models,
    "limits": _limits,
    "bottlenecks": _limits,
    "slo": _budget,
    "breakers": _breakers,
    "attempts_per_action": _attempts,
    "alerts": _alerts,
    "reasons": _reasons,
    "endings": _endings,
    "pressure": _pressure,
    "caches": _hit_rates,
    "hit_rates": _hit_rates,
    "causes": _causes,
    "spikes": _spikes,
    "turns": _turns,
    "prompt_caches": _prompt_caches,
    "users": _users,
    "budgets": _money_budgets,
    "work": _work,
    "regions": _regions,
    "flow": _flow,
    "failovers": _failovers,
    "residency": _residency,
    "region_timeline": _region_timeline,
    "replicas": _replicas,
    "days": _days,
    "weeks": _days,
    "months": _months,
    "cohorts": _cohorts,
    "retention": _retention,
    "money": _money,
    "breaks": _breaks,
}
