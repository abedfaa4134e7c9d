"""The presets as tables: what real clients and gateways do by default, side by side and field by field."""

from collections.abc import Iterator
from typing import Any

from simkit.scenario import defaults
from simkit.scenario.base import Part
from simkit.scenario.helptext import help_of
from simkit.scenario.presets import PRESETS, Preset, preset
from simkit.scenario.resilience import Backoff, Breaker, LayerFields, Outliers, RetryBudget, Throttle
from simkit.scenario.resolved import flow
from simkit.scenario.units import parse_duration

COLUMNS = ("preset", "a try takes at most", "retries", "wait before them", "Retry-After", "breaker", "retry budget")
PARTS: dict[str, type[Part]] = {
    "backoff": Backoff, "breaker": Breaker, "outliers": Outliers, "retry_budget": RetryBudget, "throttle": Throttle,
}  # fmt: skip


def overview() -> list[tuple[str, ...]]:
    """A row a preset, in the order of COLUMNS."""
    return [_row(one, _plain(one)) for one in PRESETS]


def fields(name: str) -> list[tuple[str, str, str]]:
    """Every setting of a preset: path below the layer, value as a scenario writes it, help."""
    return list(_fields(_plain(preset(name)), LayerFields, ""))


def _plain(one: Preset) -> dict[str, Any]:
    """The full settings as plain values."""
    found: dict[str, Any] = defaults.completed(defaults.preset_layer(one.id)).model_dump(mode="json", by_alias=True)
    return {key: found[key] for key in LayerFields.model_fields}


def _fields(values: dict[str, Any], part: type[Part], before: str) -> Iterator[tuple[str, str, str]]:
    for key, value in values.items():
        inner = PARTS.get(key)
        if isinstance(value, dict) and inner is not None:
            yield from _fields(value, inner, f"{before}{key}.")
        else:
            yield f"{before}{key}", "-" if value is None else flow(_said(value)), help_of(part, key)


def _said(value: Any) -> Any:
    """A value without what it leaves out."""
    if isinstance(value, list):
        return [_said(one) for one in value]
    return {key: one for key, one in value.items() if one is not None} if isinstance(value, dict) else value


def _row(one: Preset, values: dict[str, Any]) -> tuple[str, ...]:
    return (
        one.id, _time(values), str(values["max_retries"]), _wait(values), _retry_after(values), _breaker(values),
        _budget(values),
    )  # fmt: skip


def _time(values: dict[str, Any]) -> str:
    one, every = values["timeout"], values["call_timeout"]
    alone = "no limit" if one == "none" else one
    return alone if every == "none" else f"{every} for all tries"


def _wait(values: dict[str, Any]) -> str:
    backoff = values["backoff"]
    if not values["max_retries"]:
        return "-"
    growth = f"{backoff['initial']} x {backoff['factor']:g}^n, at most {backoff['max']}"
    first = f" ({backoff['initial_throttled']} after a 429)" if backoff["initial_throttled"] else ""
    peer = "; none with a healthy peer" if backoff["skip_with_peer"] else ""
    return f"{growth}{first}, {_jitter(backoff['jitter'])}{peer}"


def _jitter(value: Any) -> str:
    if isinstance(value, dict):
        return f"plus 0 to {value['add']}" if "add" in value else f"times {value['low']} to {value['high']}"
    return {"none": "no jitter", "full": "full jitter"}.get(str(value), f"{value} jitter")


def _retry_after(values: dict[str, Any]) -> str:
    longest = values["retry_after"]
    if not values["max_retries"]:
        return "-"
    if not parse_duration(longest):
        return "ignored"
    if parse_duration(longest) > parse_duration("1d"):
        return "whatever it says"
    beyond = "; longer: gives up" if values["retry_after_beyond"] == "give_up" else ""
    return f"up to {longest}{beyond}"


def _breaker(values: dict[str, Any]) -> str:
    rules = values["breaker"]
    if not isinstance(rules, dict):
        return "none"
    said = [f"{rules['consecutive']} in a row"] if rules["consecutive"] else []
    for rate in rules["rates"] or []:
        share = f"more than {rate['more_than']}" if rate.get("more_than") else rate["at_least"]
        said.append(f"{share} of {rate['of']}{' with a peer' if rate['with_peer'] else ''}")
    said += ["a 429 with a peer at once" if rules["at_once_with_peer"] else "a 429 at once"] * bool(rules["at_once"])
    said += ["far below the others"] * isinstance(rules["outliers"], dict)
    grows = f", growing to {rules['cooldown_max']}" if rules["cooldown_growth"] else ""
    return f"{' or '.join(said)}; then {rules['cooldown']} off{grows}"


def _budget(values: dict[str, Any]) -> str:
    budget = values["retry_budget"]
    if not isinstance(budget, dict):
        return "none"
    if budget["concurrent"]:
        share = budget["concurrent_share"]
        return f"{budget['concurrent']} at a time" + (f", or {share} of what is under way" if share else "")
    throttled = budget["retry_throttled"]
    return (
        f"{budget['cap']} credits: {budget['retry']} a retry, {throttled} after a 429, +{budget['success']} a success"
    )


__all__ = ["COLUMNS", "fields", "overview"]
