"""Regions that cannot be meant so: each with its page, all on one page, and what is well stays well."""

from pathlib import Path
from typing import Any

import pytest
from calm_case import merged
from ruamel.yaml import YAML

from simkit.scenario.checks import run_checks
from simkit.scenario.errors import Problem, ScenarioError
from simkit.scenario.load import Scenario, load

WELL: dict[str, Any] = {
    "horizon": "1d",
    "traffic": {"rate": "1/s"},
    "actions": {"chat": {"calls": [{"name": "draft", "model": "small", "input": 200, "output": 20}]}},
    "models": {
        "small": {
            "deployments": [{"provider": "alpha", "region": "north"}, {"provider": "beta"}],
            "ttft": "0.2s",
            "prices": {"input": "$1", "output": "$2"},
            "tokens_per_second": 100,
        },
        "large": {"price_of": "gpt-4o", "deployments": [{"provider": "beta"}], "ttft": "0.4s", "tokens_per_second": 50},
    },
    "providers": {"alpha": {}, "beta": {}, "cloudy": {}},
    "service": {"workers": 4, "replicas": 2, "autoscaling": {"maximum": 4}},
    "regions": {
        "us": {
            "share": "60%",
            "rtt": {"us": "20ms", "eu": "95ms"},
            "models_rtt": {"alpha/north": "9ms", "beta": "3ms"},
        },
        "eu": {"share": "40%", "rtt": {"us": "95ms", "eu": "20ms"}, "hosts": ["north"], "cloud": "cloudy"},
    },
    "routing": {"policy": "priority"},
    "incidents": [{"at": "1h", "lasts": "1h", "target": "eu"}],
}


def made(folder: Path, over: dict[str, Any]) -> Scenario:
    """The scenario with other values (None removes), read from a file."""
    file = folder / "scenario.yaml"
    with file.open("w") as stream:
        YAML().dump(merged(WELL, over), stream)
    return load(file)


def problems(folder: Path, over: dict[str, Any]) -> list[Problem]:
    """What is wrong with it."""
    with pytest.raises(ScenarioError) as caught:
        made(folder, over)
    return caught.value.problems


def region(**keys: Any) -> dict[str, Any]:
    """Other values of `us`."""
    return {"regions": {"us": keys}}


def bound(**keys: Any) -> dict[str, Any]:
    """Where the data of users in `us` may go."""
    return region(residency=keys)


def scaler(**keys: Any) -> dict[str, Any]:
    """Another autoscaler."""
    return {"service": {"autoscaling": keys}}


# what is written, where it is wrong, what is said, what is allowed or to be done
CASES: list[tuple[dict[str, Any], str, str, str]] = [
    (region(share="50%"), "regions", "The shares add up to 90%.", "100%"),
    (region(share=None), "regions.us.share", "`share` is missing.", "of all regions, or of none"),
    (region(timezone="Europe/Pariss"), "regions.us.timezone", "This time zone is not known.", "Europe/Paris"),
    (region(rtt={"eu2": "95ms"}), "regions.us.rtt.eu2", "There is no region `eu2`.", "Did you mean `eu`?"),
    (region(order=["us", "europe"]), "regions.us.order.1", "There is no region `europe`.", "us, eu"),
    (region(order=["us", "us"]), "regions.us.order.1", "`us` is in the order twice.", "Remove one of them."),
    (bound(regions=["uk"]), "regions.us.residency.regions.0", "There is no region `uk`.", "us, eu"),
    (
        {"actions": {"chat": {"residency": {"regions": ["eus"]}}}},
        "actions.chat.residency.regions.0", "There is no region `eus`.", "Did you mean",
    ),
    (region(cloud="azur"), "regions.us.cloud", "There is no provider `azur`.", "Add `azur: {}` under `providers:`"),
    (region(cloud="cloud"), "regions.us.cloud", "There is no provider `cloud`.", "Did you mean `cloudy`?"),
    (
        region(models_rtt={"alpha/nort": "3ms"}),
        "regions.us.models_rtt.alpha/nort", "There is no deployment at `alpha/nort`.", "Did you mean `alpha/north`?",
    ),
    (
        region(models_rtt={"north": "3ms"}),  # a region of a provider says not whose
        "regions.us.models_rtt.north", "There is no deployment at `north`.", "alpha, alpha/north, beta",
    ),
    (region(hosts=["south"]), "regions.us.hosts.0", "There is no deployment at `south`.", "alpha, north, alpha/north"),
    (bound(models_in=["betta"]), "regions.us.residency.models_in.0", "There is no deployment at `betta`.", "`beta`?"),
    (
        region(rtt={"eu": None}), "regions.us.rtt", "The round trip from `us` to eu is missing.",
        "without it that way would take no time",
    ),
    (region(rtt=None), "regions.us.rtt", "The round trip from `us` to eu is missing.", "`rtt: {eu: 95ms}`"),
    (
        {"providers": {"eu": {}}}, "regions.eu", "`eu` is the name of a provider, too: an incident's target could",
        "Give the region another name.",
    ),
    (
        {"regions": {"large": {"share": "0%", "rtt": {"us": "1s", "eu": "1s"}},
                     "us": {"rtt": {"large": "1s"}}, "eu": {"rtt": {"large": "1s"}}}},
        "regions.large", "`large` is the name of a model, too: incidents that name it", "another name",
    ),
    ({"regions": None, "incidents": None}, "routing", "`routing` has no effect without `regions`.", "Describe them"),
    (
        {"regions": None, "incidents": None, "routing": None,
         "actions": {"chat": {"residency": {"models_in": ["beta"]}}}},
        "actions.chat.residency", "`residency` has no effect without `regions`.", "or remove it",
    ),
    (
        {**bound(regions=["us"]), "actions": {"chat": {"residency": {"regions": ["eu"]}}}},
        "actions.chat.residency.regions", "No region may serve `chat` of the users in `us`.", "Permit one that both",
    ),
    (
        {**bound(models_in=["north"]), "actions": {"chat": {"residency": {"models_in": ["beta"]}}}},
        "actions.chat.residency.models_in", "No deployment of `small` may be asked for `chat` of the users in `us`.",
        "add a deployment of the model where the data may go",
    ),
    (
        {**bound(models_in=["alpha"]), "actions": {"chat": {"calls": [
            {"name": "draft", "route": "cheap", "input": 9, "output": 9}]}},
         "routes": {"cheap": {"cascade": ["small", "large"]}}},
        "regions.us.residency.models_in", "No deployment of `large` may be asked", "beta",
    ),
    (scaler(minimum=5), "service.autoscaling.minimum", "The minimum is above the maximum.", "1 to 4"),
    (
        {"service": {"workers": None, "autoscaling": {"target": "50%"}}},
        "service.autoscaling.target", "An autoscaler needs `workers`", "Add e.g. `workers: 8`",
    ),
    (
        {"service": {"replicas": 9}}, "service.replicas",
        "There are more replicas at the start than the autoscaler's maximum.", "at most 4",
    ),
    (
        region(service={"replicas": 5}), "regions.us.service.replicas",
        "There are more replicas at the start than the autoscaler's maximum.", "at most 4",
    ),
    (region(service={"workers": 0}), "regions.us.service.workers", "Nothing can be worked on.", "at least 1"),
    (
        region(outages=[{"time_between_failures": "9d", "duration": "1h", "severity": [{"share": "90%"}]}]),
        "regions.us.outages.0.severity", "The shares add up to 90%.", "100%",
    ),
    (
        {"changes": [{"at": "2h", "set": {"regions.us.share": "70%"}}]},
        "changes.0", "From this change on: The shares add up to 110%.", "100%",
    ),
    (
        {"changes": [{"at": "2h", "set": {"regions.us.service.autoscaling": {"maximum": 3}}}],
         "service": {"autoscaling": None}},
        "changes.0", "This changes more than numbers", "Make two scenarios",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("over", "path", "message", "help_"), CASES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_cannot_be_meant_is_told(
    over: dict[str, Any], path: str, message: str, help_: str, tmp_path: Path
) -> None:
    found = problems(tmp_path, over)
    assert [one.path for one in found] == [path]
    assert message in found[0].message
    assert help_ in f"{found[0].allowed} {found[0].hint}"
    assert found[0].line > 0


def test_all_is_told_on_one_page(tmp_path: Path) -> None:
    over = {
        **scaler(minimum=5),
        "regions": {
            "us": {"share": "50%", "order": ["uk"], "residency": {"models_in": ["nowhere"]}},
            "eu": {"rtt": None},
        },
    }
    paths = {one.path for one in problems(tmp_path, over)}
    assert paths == {
        "service.autoscaling.minimum", "regions", "regions.us.order.0", "regions.us.residency.models_in.0",
        "regions.eu.rtt",
    }  # fmt: skip


@pytest.mark.parametrize(
    "over",
    [
        {},
        {"regions": {"us": {"share": None}, "eu": {"share": None}}},  # all alike
        {"regions": {"us": {"rtt": None}, "eu": {"rtt": None}}},  # no distance at all
        {"regions": {"us": {"rtt": {"us": None}}}},  # at home: none
        {**bound(models_in=["alpha"]), "resilience": {"fallback": {"small": ["large"]}}},
        bound(regions=["eu"], models_in=["north"]),
        # the data may go nowhere, but people answer
        {**bound(regions=["us"]), "actions": {"chat": {"residency": {"regions": ["eu"]}}},
         "resilience": {"degrade": ["rule"]}},
        # a model that may not be asked, but another follows that may
        {**bound(models_in=["north"]), "resilience": {"fallback": {"large": ["small"]}},
         "actions": {"chat": {"calls": [{"name": "draft", "model": "large", "input": 9, "output": 9}]}}},
        {"service": {"workers": None, "autoscaling": None},
         **region(service={"workers": 2, "autoscaling": {"maximum": 3}})},
        {"changes": [{"at": "2h", "set": {"service.autoscaling.maximum": 8, "regions.us.weight": 0}}]},
        {"changes": [{"at": "2h", "set": {"regions.us.share": "70%", "regions.eu.share": "30%"}}]},
    ],
)  # fmt: skip
def test_what_can_be_meant_is_let_through(over: dict[str, Any], tmp_path: Path) -> None:
    made(tmp_path, over)


# --- the named checks -----------------------------------------------------------------------------------


HALF_LOST = {"incidents": [{"at": "1h", "lasts": "1h", "target": "us", "lost": "50%"}]}

NO_INCIDENT: dict[str, Any] = {"incidents": None}
NEAREST = {"routing": {"policy": "nearest"}}
NOTES: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    (
        "round_trips", {"regions": {"us": {"rtt": None}, "eu": {"rtt": None}}}, {}, "regions",
        "turn to their own first",
    ),
    (
        "round_trips", region(models_rtt={"beta": None}), {}, "regions.us.models_rtt",
        "from us to beta: it takes no time, and so it is the nearest",
    ),
    (
        "routing_no_effect", {"routing": {"policy": "nearest", "panic": "20%"}}, {"routing": {"panic": "20%"}},
        "routing.panic", "only `policy: priority` looks at it",
    ),
    (
        "routing_no_effect", {**NEAREST, **region(order=["us"])}, region(order=["us"]), "regions.us.order",
        "only `policy: priority`",
    ),
    (
        "routing_no_effect", {**NEAREST, **region(weight=3)}, {**NEAREST, **region(weight=0)}, "regions.us.weight",
        "only `policy: weighted`",
    ),
    (
        "routing_no_effect", {"routing": {"dns": {"ignore_for": "5min"}}},
        {"routing": {"dns": {"ignore_for": "5min", "ignore": "10%"}}}, "routing.dns.ignore_for", "no client ignores",
    ),
    (
        "routing_no_effect", {**NO_INCIDENT, "routing": {"failback": "5min"}}, {"routing": {"failback": "5min"}},
        "routing.failback", "no incident hits a region",
    ),
    (
        "service_load", {"traffic": {"rate": "70/s"}}, {"traffic": {"rate": "40/s"}}, "service.workers",
        "16 workers in us",
    ),
    (
        "incident_no_effect", {"incidents": [{"at": "1h", "lasts": "1h", "target": "eu", "lost": "0%"}]}, {},
        "incidents.0", "it has no effect",
    ),
    (
        "health_timeout", {"routing": {"health": {"interval": "2s"}}},
        {"routing": {"health": {"interval": "2s", "timeout": "1s"}}}, "routing.health.timeout", "may take 4 s",
    ),
    (
        "partial_loss", {**HALF_LOST, **region(service={"replicas": 1})}, HALF_LOST,
        "incidents.0.lost", "Of 1 replica in us this leaves none",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "over", "twin", "path", "words"), NOTES)
def test_a_note_and_its_twin(
    name: str, over: dict[str, Any], twin: dict[str, Any], path: str, words: str, tmp_path: Path
) -> None:
    found = [one for one in run_checks(made(tmp_path, over)) if one.name == name]
    assert [one.path for one in found] == [path]
    assert words in found[0].message
    assert not [one for one in run_checks(made(tmp_path, twin)) if one.name == name]
