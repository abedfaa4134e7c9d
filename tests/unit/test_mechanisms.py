"""A mechanism is done when it has a clockwork case, a witness, help, a metric, a picture and a sentence (law 3).

`MECHANISMS` is that table; every leaf of the schema belongs to one mechanism, or is `NOT_SIMULATED`. A blank fails.
"""

import ast
import json
import types
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import pytest

from simkit.result.metrics import METRICS
from simkit.result.plots import PICTURES
from simkit.scenario.actions import Call
from simkit.scenario.base import Part
from simkit.scenario.distribution import Dist, DurationDist, NumberDist, TokenDist
from simkit.scenario.helptext import helps
from simkit.scenario.models import Outage
from simkit.scenario.scenario import Document

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
NOTEBOOK = ROOT / "notebooks" / "01_first_run.ipynb"


@dataclass(frozen=True)
class Mechanism:
    """What a mechanism must have. An empty field is a blank."""

    paths: tuple[str, ...]
    """Where it stands in the schema: a leaf, or all below (see `leaves`)."""
    cases: tuple[str, ...]
    """Clockwork cases."""
    witness: str
    """A test in tests/theory or the name of a `Witness` there; elsewhere in tests: `file.py::test`."""
    metric: str
    """Where it shows in numbers."""
    picture: str
    """A figure of `simkit.report`, or a table of a result with a picture."""
    phrase: str
    """Words of the notebook's sentence about it."""


def severity(*keys: str) -> tuple[str, ...]:
    """What an incident does, at the three places where it is said."""
    return tuple(f"{place}.{key}" for place in ("incidents.*", "outage", "outage.severity.*") for key in keys)


def performance(*keys: str) -> tuple[str, ...]:
    """A model's, and a deployment's own."""
    return tuple(f"{place}.{key}" for place in ("models.*", "models.*.deployments.*") for key in keys)


MECHANISMS = {
    "clock": Mechanism(
        ("start", "horizon", "warmup", "cooldown"), ("cooldown_censored", "arrivals_deterministic"),
        "test_evenly_spaced_arrivals_by_hour", "actions", "timeline_figure", "A warm-up before the measured time",
    ),
    "arrivals": Mechanism(
        ("traffic.rate", "traffic.process", "traffic.cv"), ("arrivals_deterministic",),
        "test_bursty_arrivals_are_not_poisson", "throughput", "timeline_figure", "evenly, at random or in bursts",
    ),
    "users": Mechanism(
        ("traffic.users.daily_active", "traffic.users.actions_per_day", "traffic.users.activity"), ("arrivals_users",),
        "users", "cost_per_user_month", "timeline_figure", "some ask far more than others",
    ),
    "seasons": Mechanism(
        ("traffic.timezone", "traffic.seasonality"), ("arrivals_season",),
        "test_poisson_arrivals_by_hour", "limit_peak_use", "timeline_figure", "Busy hours, quiet weekends",
    ),
    "trace": Mechanism(
        ("traffic.trace",), ("trace_ties",),
        "scenarios/test_shipped.py::test_trace_replay_of_public_traces", "tokens_in", "timeline_figure",
        "a recorded trace",
    ),
    "kinds": Mechanism(
        ("actions.*.share", "actions.*.complexity"), ("route_complexity", "service_priority"),
        "notebooks/test_notebooks.py::test_the_simulated_saving_lies_on_the_curve", "cost_per_action",
        "routing_figure", "its mix of simple and complex",
    ),
    "priority": Mechanism(
        ("actions.*.priority", "traffic.users.plans"), ("service_priority", "arrivals_users"),
        "priority", "queue_wait_p95", "limits_figure", "those with priority go first",
    ),
    "calls in sequence": Mechanism(
        ("actions.*.calls.*", "call.name"), ("calls_sequence",),
        "tandem", "latency_mean", "latency_figure", "Calls run in sequence",
    ),
    "calls at the same time": Mechanism(
        ("actions.*.calls.*.parallel.*",),
        ("calls_parallel", "calls_parallel_failure", "calls_parallel_grant", "calls_parallel_tie"),
        "parallel", "latency_p50", "latency_figure", "or at the same time",
    ),
    "repetitions": Mechanism(
        ("call.repeat",), ("calls_repeat",), "repetitions", "tokens_in", "costs_figure", "an agent works in rounds",
    ),
    "own work": Mechanism(
        ("call.work", "service.overhead"), ("calls_sequence", "service_queue"),
        "mm1", "latency_p90", "latency_figure", "your own work, such as a search",
    ),
    "tokens": Mechanism(
        ("call.input", "call.output.all", "call.output.by_complexity"), ("latency_law",),
        "scenarios/test_shipped.py::test_azure_chat_is_as_busy_as_the_trace", "tokens_out", "costs_figure",
        "Numbers of tokens and times",
    ),
    "distributions": Mechanism(
        ("distribution",), ("latency_law",),
        "mg1", "latency_p99", "latency_figure", "can have a distribution",
    ),
    "quality": Mechanism(
        ("models.*.quality", "call.judged"), ("calls_judged", "route_cascade"),
        "quality", "good_rate", "slo", "the share of its answers that are good",
    ),
    "routes": Mechanism(
        ("call.model", "call.route", *(f"routes.*.{key}" for key in ("model", "mix", "by", "to", "misrouted"))),
        ("route_fixed_and_mix", "route_complexity"),
        "scenarios/test_shipped.py::test_routing_saves_what_the_arithmetic_says", "cost_per_good_action",
        "routing_figure", "A route picks the model",
    ),
    "cascades": Mechanism(
        ("routes.*.cascade", "routes.*.escalate"), ("route_cascade", "route_cascade_failure"),
        "cascade", "escalation_rate", "costs_figure", "the cheap model first",
    ),
    "prices": Mechanism(
        (
            "prices", "models.*.price_of", "models.*.prices.input", "models.*.prices.output", "models.*.prices.request",
            "models.*.processing", "models.*.deployments.*.price_uplift",
        ),
        ("prices_book", "changes_numbers", "changes_repeat"),
        "unit/test_pricebook.py::test_ten_thousand_random_attempts_price_equal_to_genai_prices", "cost_total",
        "costs_figure", "a dated price book",
    ),
    "prompt cache": Mechanism(
        (
            "caches.prompt", "models.*.prompt_cache_minimum", "models.*.prices.cached", "models.*.prices.write",
        ),
        ("prompt_cache", "bucket_cached_counts"),
        "unit/test_pricebook.py::test_published_check_figures", "cached_token_share", "costs_figure",
        "The provider's prompt cache",
    ),
    "speed": Mechanism(
        performance("ttft", "ttft_per_1k_input", "tokens_per_second"), ("latency_law",),
        "mginf", "ttft_p95", "latency_figure", "A model has a speed",
    ),
    "failures": Mechanism(
        (*performance("errors"), *(f"failures.*.{key}" for key in ("retryable", "fallback", "billed", "takes"))),
        ("failure_kinds",),
        "retries", "wasted_cost_share", "timeline_figure", "each kind of failure has its price and its time",
    ),
    "concurrency": Mechanism(
        performance("concurrency", "queue"), ("concurrency_queue", "dispatch_order"),
        "mmc", "queue_wait_p95", "limits_figure", "on so many requests at once",
    ),
    "deployments": Mechanism(
        (
            "models.*.balance",
            *(f"models.*.deployments.*.{key}" for key in ("provider", "region", "weight", "order")),
        ),
        ("deployments_weighted", "deployments_ordered", "deployments_least_busy"),
        "deployments", "attempts_per_call", "costs_figure", "calls are spread over them",
    ),
    "context": Mechanism(
        ("models.*.context", "call.output.max"), ("context_limit", "bucket_too_large"),
        "context", "failed_rate", "timeline_figure", "longer than its context",
    ),
    "rate limits": Mechanism(
        ("quotas",),
        (
            "bucket_requests", "bucket_input_output", "bucket_two", "bucket_retry", "bucket_refused_count",
            "bucket_cached_counts", "bucket_too_large",
        ),
        "bucket", "rate_limited_rate", "limits_figure", "Hosted models have rate limits",
    ),
    "incidents": Mechanism(
        (*severity("error_rate", "kind"), *(f"incidents.*.{key}" for key in ("name", "at", "lasts", "target"))),
        ("incident_outage", "incident_hang", "incident_hang_runs_on", "incident_overlap"),
        "renewal", "failed_rate", "timeline_figure", "An incident at a time you choose",
    ),
    "slowdown": Mechanism(
        severity("slowdown"), ("incident_slowdown", "incident_overlap"),
        "slowdown", "latency_p999", "timeline_figure", "or be slower",
    ),
    "cut limits": Mechanism(
        severity("quota"), ("incident_quota", "incident_no_quota", "incident_overlap"),
        "cut_limits", "limit_peak_use", "limits_figure", "leaves a part of the rate limits",
    ),
    "work in flight": Mechanism(
        ("incidents.*.in_flight", "outage.in_flight"), ("incident_in_flight",),
        "in_flight", "failed_rate", "timeline_figure", "survives its start, or does not",
    ),
    "random outages": Mechanism(
        (
            "providers.*.outages", *performance("outages"), "outage.time_between_failures", "outage.duration",
            *severity("share"),
        ),
        ("outages_random",), "renewal", "error_budget_left", "budget_figure", "Random outages",
    ),
    "own service": Mechanism(
        ("service.workers", "service.queue", "service.cost"), ("service_queue",),
        "mmck", "rejected_rate", "limits_figure", "Your service has workers",
    ),
    "timeouts": Mechanism(
        ("resilience.timeout",), ("timeout_stops", "ties_timeout"),
        "timeouts", "failed_rate", "latency_figure", "A timeout ends a try",
    ),
    "deadline": Mechanism(
        ("resilience.deadline",), ("deadline", "deadline_tie", "deadline_hang"),
        "deadline", "slo_compliance", "slo", "a deadline the whole action",
    ),
    "abandoned work": Mechanism(
        ("resilience.on_cancel", "call.streaming"),
        ("timeout_on_cancel", "timeout_runs_on", "deadline_runs_on", "deadline_hang", "incident_hang_runs_on"),
        "abandoned", "ttft_p50", "costs_figure", "Abandoned work stops, or runs on",
    ),
    "retries": Mechanism(
        ("resilience.client", "resilience.max_retries", "resilience.backoff", "resilience.retry_after"),
        ("retries_backoff", "bucket_retry"),
        "retries", "retry_rate", "costs_figure", "Retries wait longer each time",
    ),
    "fallback": Mechanism(
        ("resilience.fallback",), ("fallback_chain", "route_cascade_failure"),
        "fallback", "fallback_rate", "comparison_figure", "a fallback is another model",
    ),
    "changes": Mechanism(
        ("changes",), ("changes_numbers", "changes_repeat", "changes_slots"),
        "changes", "cost_per_month", "timeline_figure", "any number in the file may change",
    ),
}  # fmt: skip

NOT_SIMULATED = {
    "name": "words",
    "description": "words",
    "sources": "where figures come from",
    "knobs": "sliders of a page",
    "observed": "stands beside the result",
    "slo": "told from the log, see tests/unit/test_objectives.py",
    "expect": "told from the metrics, see tests/unit/test_objectives.py",
    "seed": "which luck",
    "replications": "how often",
}
"""Fields that do not change what happens in a run, and why."""


SHARED: dict[type[Part], str] = {Call: "call", Dist: "distribution", Outage: "outage"}
"""Parts that stand at many places of the schema: a leaf there, and a root of their own."""
ROOTS: dict[type[Part], str] = {
    Document: "", Call: "call.", Outage: "outage.",
    DurationDist: "distribution.", TokenDist: "distribution.", NumberDist: "distribution.",
}  # fmt: skip


def leaves_of(annotation: Any, path: str) -> Iterator[str]:
    """Paths of the values that a type allows at `path`; `*` stands for a name or a place in a list."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from leaves_of(get_args(annotation)[0], path)
    elif origin in (Union, types.UnionType):
        for one in get_args(annotation):
            yield from leaves_of(one, path)
    elif origin in (dict, list):
        yield from leaves_of(get_args(annotation)[-1], f"{path}.*")
    elif isinstance(annotation, type) and issubclass(annotation, Part) and not issubclass(annotation, tuple(SHARED)):
        yield from leaves_below(annotation, f"{path}.")
    elif annotation is not type(None):
        yield path


def leaves_below(part: type[Part], before: str) -> Iterator[str]:
    for name, field in part.model_fields.items():
        yield from leaves_of(field.annotation, f"{before}{field.alias or name}")


def leaves() -> list[str]:
    """Every leaf of the schema, e.g. `models.*.quality.*`, `call.work`, `distribution.gamma.cv`."""
    return sorted({leaf for part, before in ROOTS.items() for leaf in leaves_below(part, before)})


def parts() -> set[type[Part]]:
    """Every part of the schema."""
    found: set[type[Part]] = set()
    todo: list[Any] = [Document]
    while todo:
        one = todo.pop()
        todo += get_args(one)
        if isinstance(one, type) and issubclass(one, Part) and one not in found:
            found.add(one)
            todo += [field.annotation for field in one.model_fields.values()]
    return found


def owns(path: str, leaf: str) -> bool:
    """Is the leaf at the path or below? Of a part that is shared, its place alone."""
    return leaf == path or (leaf.startswith(f"{path}.") and path != "actions.*.calls.*")


def owners(leaf: str, table: dict[str, Mechanism]) -> list[str]:
    """Mechanisms that a leaf belongs to, and `NOT_SIMULATED`."""
    found = [name for name, mechanism in table.items() if any(owns(path, leaf) for path in mechanism.paths)]
    return found + ["NOT_SIMULATED"] * any(owns(path, leaf) for path in NOT_SIMULATED)


@cache
def named_tests(file: Path) -> set[str]:
    """Names of a file's tests."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return {one.name for one in body if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")}


@cache
def listed_witnesses(file: Path) -> set[str]:
    """Names of a file's `Witness`es that are in its `WITNESSES`."""
    names, listed = {}, set()
    for one in ast.parse(file.read_text(encoding="utf-8")).body:
        if not isinstance(one, ast.Assign) or not isinstance(one.targets[0], ast.Name):
            continue
        if one.targets[0].id == "WITNESSES":
            listed = {each.id for each in ast.walk(one.value) if isinstance(each, ast.Name)}
        elif (
            isinstance(one.value, ast.Call) and isinstance(one.value.func, ast.Name) and one.value.func.id == "Witness"
        ):
            names[one.targets[0].id] = ast.literal_eval(one.value.args[0])
    return {name for variable, name in names.items() if variable in listed}


@cache
def witnesses() -> set[str]:
    """Tests in tests/theory, and the names of its parametrised witnesses."""
    files = list((TESTS / "theory").glob("test_*.py"))
    return set[str]().union(*map(named_tests, files), *map(listed_witnesses, files))


def is_witness(name: str) -> bool:
    """Is there such a test?"""
    file, colons, test = name.partition("::")
    path = TESTS / file
    return (path.is_file() and test in named_tests(path)) if colons else name in witnesses()


@cache
def figures() -> set[str]:
    """Figures of `simkit.report`, and tables of a result that have a picture."""
    files = (ROOT / "simkit" / "report").glob("figures*.py")
    bodies = [ast.parse(file.read_text(encoding="utf-8")).body for file in files]
    functions = {one.name for body in bodies for one in body if isinstance(one, ast.FunctionDef)}
    return {name for name in functions if name.endswith("_figure")} | set(PICTURES)


@cache
def prose() -> str:
    """The notebook's text, without its code and line ends."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return " ".join(" ".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown").split())


def lacks(mechanism: Mechanism) -> list[str]:
    """What a mechanism lacks: a column and what it names that is not there."""
    wrong = [] if mechanism.cases else ["cases: none"]
    wrong += [f"cases: {name}" for name in mechanism.cases if not (TESTS / "clockwork" / f"{name}.yaml").is_file()]
    wrong += [] if is_witness(mechanism.witness) else [f"witness: {mechanism.witness or 'none'}"]
    wrong += [] if mechanism.metric in METRICS else [f"metric: {mechanism.metric or 'none'}"]
    wrong += [] if mechanism.picture in figures() else [f"picture: {mechanism.picture or 'none'}"]
    wrong += [] if mechanism.phrase and mechanism.phrase in prose() else [f"phrase: {mechanism.phrase or 'none'}"]
    return wrong


@pytest.mark.parametrize("name", MECHANISMS)
def test_has_all_that_a_mechanism_needs(name: str) -> None:
    assert not lacks(MECHANISMS[name])


def test_every_leaf_belongs_to_one_mechanism() -> None:
    found = {leaf: owners(leaf, MECHANISMS) for leaf in leaves()}
    assert not {leaf: names for leaf, names in found.items() if len(names) != 1}


def test_every_path_is_in_the_schema() -> None:
    paths = [path for mechanism in MECHANISMS.values() for path in mechanism.paths]
    assert not [path for path in (*paths, *NOT_SIMULATED) if not any(owns(path, leaf) for leaf in leaves())]


def test_every_leaf_has_help() -> None:
    assert not [(part.__name__, key) for part in parts() for key, text in helps(part).items() if not text]


def test_every_clockwork_case_is_of_a_mechanism() -> None:
    cases = {path.stem for path in (TESTS / "clockwork").glob("*.yaml")}
    assert not cases - {case for mechanism in MECHANISMS.values() for case in mechanism.cases}


def test_the_walk_reaches_every_part() -> None:
    found = set(leaves())
    assert {"traffic.users.activity", "traffic.users.activity.zipf", "call.input.system"} <= found
    assert {"outage.severity.*.quota", "models.*.deployments.*.outages.*"} <= found
    assert {"distribution.scipy.name", "sources.*.from"} <= found
    shared = [part for part in parts() if issubclass(part, tuple(SHARED))]
    assert {part.__name__ for part in shared} == {part.__name__ for part in ROOTS if part is not Document}


@pytest.mark.parametrize(
    ("blank", "found"),
    [
        ({"cases": ()}, "cases: none"),
        ({"cases": ("no_such_case",)}, "cases: no_such_case"),
        ({"witness": ""}, "witness: none"),
        ({"witness": "no_such_witness"}, "witness: no_such_witness"),
        ({"witness": "unit/test_pricebook.py::no_such_test"}, "witness: unit/test_pricebook.py::no_such_test"),
        ({"metric": ""}, "metric: none"),
        ({"picture": "no_such_figure"}, "picture: no_such_figure"),
        ({"phrase": ""}, "phrase: none"),
    ],
)
def test_a_blank_is_found(blank: dict[str, Any], found: str) -> None:
    whole = MECHANISMS["rate limits"]
    assert not lacks(whole) and all(astuple(whole))
    assert lacks(replace(whole, **blank)) == [found]


def test_a_leaf_without_a_mechanism_or_with_two_is_found() -> None:
    without = {name: mechanism for name, mechanism in MECHANISMS.items() if name != "deadline"}
    assert owners("resilience.deadline", without) == []
    twice = MECHANISMS | {"again": MECHANISMS["deadline"]}
    assert owners("resilience.deadline", twice) == ["deadline", "again"]
