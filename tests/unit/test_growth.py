"""Growth: what forms mean in numbers, tables and files, what is refused, how peaks and plans are compiled."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

import simkit as sk
from simkit.plan.compile import compile_plan
from simkit.scenario.checks import run_checks
from simkit.scenario.growth import Acquisition, Growth, Retention
from simkit.scenario.load import ScenarioError
from simkit.scenario.population import expected_active, retained, signups

BASE: dict[str, Any] = {
    "horizon": "8w",
    "traffic": {"users": {"growth": {"base": 10}, "actions_per_day": 1}},
    "actions": {"ask": {"calls": [{"name": "answer", "model": "m", "input": 10, "output": 10}]}},
    "models": {
        "m": {"provider": "p", "ttft": "1s", "tokens_per_second": 10, "prices": {"input": "$1", "output": "$1"}}
    },
    "resilience": {"client": "none"},
}
Loader = Callable[..., sk.Scenario]
ISLAND = {
    "free": {"share": "100%"}, "a": {"share": "0%", "moves": {"b": "5%"}}, "b": {"share": "0%", "moves": {"a": "5%"}},
}  # fmt: skip
"""Two plans whose users only change places."""


def moves_to(move: dict[str, str]) -> dict[str, Any]:
    """Plans of which one is reached by a move alone."""
    return {"free": {"share": "100%", "moves": {"pro": move}}, "pro": {"share": "0%"}}


@pytest.fixture
def loaded(tmp_path: Path) -> Loader:
    """Loads the small scenario with another `growth`, and other keys of `users`."""

    def load(growth: dict[str, Any] | None = None, users: dict[str, Any] | None = None, **more: Any) -> sk.Scenario:
        traffic = {"users": {**BASE["traffic"]["users"], "growth": growth or {"base": 10}, **(users or {})}}
        with (tmp_path / "case.yaml").open("w") as file:
            YAML().dump(BASE | {"traffic": traffic} | more, file)
        return sk.load(tmp_path / "case.yaml")

    return load


def weekly(**form: Any) -> np.ndarray:
    """Sign-ups of each of eight weeks."""
    daily = signups(Growth(acquisition=[Acquisition.model_validate(form)]), 56)
    return np.asarray(daily.reshape(8, 7).sum(axis=1))


def test_forms_of_acquisition() -> None:
    assert weekly(constant=70) == pytest.approx(70)
    assert weekly(linear={"start": 10, "change": 4}) == pytest.approx([12 + 4 * week for week in range(8)])
    assert weekly(linear={"start": 10, "change": -5}) == pytest.approx([7.5, 2.5, 0, 0, 0, 0, 0, 0])
    doubling = weekly(exponential={"start": 10, "growth": "100%"})
    assert doubling[1:] / doubling[:-1] == pytest.approx(2) and doubling[0] == pytest.approx(10 / np.log(2))
    ends = weekly(exponential={"start": 10, "growth": "100%", "until": "2w"})
    assert ends[:2] == pytest.approx(doubling[:2]) and ends[2:] == pytest.approx(40)
    logistic = weekly(logistic={"most": 100, "middle": "4w", "spread": "1w"})
    assert logistic[3] + logistic[4] == pytest.approx(100) and logistic[-1] == pytest.approx(97.1, abs=0.2)
    launch = weekly(launch={"users": 300, "at": "7d", "decay": "7d"})
    assert launch[:3] == pytest.approx([0, 300 * (1 - np.exp(-1)), 300 * (np.exp(-1) - np.exp(-2))])
    assert weekly(table={2: 20, 3: 30}) == pytest.approx([0, 20, 30, 0, 0, 0, 0, 0])
    both = Growth(acquisition=[Acquisition(constant=7.0), Acquisition(launch=None, constant=14.0)])
    assert signups(both, 7) == pytest.approx(3)


def test_who_stays() -> None:
    table = retained(Retention.model_validate({"table": {1: "50%", 4: "25%"}}), 16)
    assert table[[0, 1, 2, 4, 16]] == pytest.approx([1, 0.5, 0.5 * 2**-0.5, 0.25, 0.125])
    assert retained(Retention.model_validate({"table": {1: "50%", 3: "0%"}}), 4) == pytest.approx([1, 0.5, 0.5, 0, 0])
    power = retained(Retention.model_validate({"power": {"week1": "60%", "exponent": 0.5}}), 4)
    assert power == pytest.approx([1, 0.6, 0.6 / 2**0.5, 0.6 / 3**0.5, 0.3])
    half = retained(Retention.model_validate({"exponential": {"week1": "80%", "half_life": "2w"}}), 5)
    assert half[[1, 3, 5]] == pytest.approx([0.8, 0.4, 0.2])
    assert (retained(Retention(), 3) == 1).all()


def test_expected_users_of_a_base_that_leaves() -> None:
    growth = Growth.model_validate({"base": {"users": 70, "age": "0d"}, "retention": {"table": {1: "50%", 2: "0%"}}})
    found = expected_active(growth, 21)
    assert found[0] == pytest.approx(70) and found[-1] == 0 and (np.diff(found) <= 1e-9).all()


def test_a_table_from_a_file_stands_in_the_scenario(loaded: Loader, tmp_path: Path) -> None:
    (tmp_path / "signups.csv").write_text("week,signups\n1,20\n2,35\n3,50\n")
    scenario = loaded({"acquisition": {"table": "signups.csv"}})
    growth = scenario.document.traffic.users.growth  # type: ignore[union-attr]
    assert growth is not None and growth.acquisition[0].table == {1: 20, 2: 35, 3: 50}
    before = scenario.hash
    (tmp_path / "signups.csv").write_text("week,signups\n1,20\n2,35\n3,51\n")
    assert loaded({"acquisition": {"table": "signups.csv"}}).hash != before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("week,signups\n1,20\n1,30\n", "stands here twice"),
        ("week,signups\none,20\n", "no number of a week"),
        ("week,signups\n1,many\n", "no number"),
        ("week,users\n1,20\n", "the columns week and signups"),
        ("", "has nothing"),
        ("week,signups\n1,20\n4,30\n", r"signups\.csv:3: .*\n.*Week 1 is followed by week 4"),
        ("week,signups\n0,20\n1,30\n", r"signups\.csv:2: .*\n.*no number of a week"),
        ("week,signups\n1,20\n2,-5\n", r"signups\.csv:3: .*\n.*no number of sign-ups"),
        ("week,signups\n1,nan\n", r"signups\.csv:2: .*\n.*no number of sign-ups"),
    ],
)
def test_a_wrong_file_is_told(loaded: Loader, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "signups.csv").write_text(text)
    with pytest.raises(ScenarioError, match=said):
        loaded({"acquisition": {"table": "signups.csv"}})


def test_a_missing_file_is_told(loaded: Loader) -> None:
    with pytest.raises(ScenarioError, match="There is no such file"):
        loaded({"acquisition": {"table": "none.csv"}})


PLANS = {"free": {"share": "100%"}, "paid": {"share": "0%"}}


@pytest.mark.parametrize(
    ("growth", "users", "more", "said"),
    [
        ({"base": 0}, {}, {}, "Nobody is there, and nobody comes"),
        ({"acquisition": {"table": {1: 5, 3: 5}}}, {}, {}, "there is a gap: 2"),
        ({"acquisition": {"table": {0: 5}}}, {}, {}, "The first week is 1"),
        ({"acquisition": -4}, {}, {}, "at least 0"),
        ({"acquisition": {"constant": 3, "linear": {"start": 1, "change": 1}}}, {}, {}, "exclude each other"),
        ({"acquisition": {"exponential": {"start": 1, "growth": "900%"}}}, {}, {"horizon": "52w"}, "trillionfold"),
        ({"acquisition": 9_000_000}, {}, {}, "too many to be simulated"),
        ({"base": 5, "retention": {"table": {1: "150%"}}}, {}, {}, "more than 100%"),
        ({"base": 5, "retention": {"table": {1: "30%", 4: "40%"}}}, {}, {}, "More are there in week 4"),
        ({"base": 5, "retention": {"lowered_by": {"failed": "120%"}}}, {}, {}, "more than 100%"),
        ({"base": 5}, {"plans": PLANS}, {}, "Nobody can be on the plan `paid`"),
        ({"base": 5}, {"plans": PLANS | {"free": {"share": "100%", "moves": {"payd": "1%"}}}}, {}, "no plan `payd`"),
        (
            {"base": 5},
            {"plans": PLANS | {"free": {"share": "100%", "moves": {"paid": {"week": "70%", "at_quota": "40%"}}}}},
            {}, "All moves together are 110%",
        ),
        ({"base": 5}, {"sessions_per_day": 2, "actions_per_day": None}, {}, "needs `traffic.sessions`"),
        ({"base": 5}, {"daily_active": 5}, {}, "exclude each other"),
        ({"base": 5}, {}, {"business": {"cash": "NaN"}}, "not understood|not a finite number"),
        ({"base": 5}, {}, {"business": {"cash": -5}}, "must not be negative"),
        ({"base": 5}, {}, {"business": {"team": "playbok"}}, "Did you mean `playbook`"),
        ({"base": 5}, {}, {"business": {"fixed": {"tools": "$5"}}}, "per"),
        ({"base": 0, "acquisition": 0}, {}, {}, "Nobody is there"),
        ({"base": 0, "acquisition": []}, {}, {}, "Nobody is there"),
        ({"base": 5, "acquisition": {"table": {1: 20, 2: -5}}}, {}, {}, "Week 2 has no number of sign-ups"),
        ({"base": 5}, {}, {"horizon": "1500d"}, "four years at most"),
        ({"base": 5}, {"plans": ISLAND}, {}, "Nobody can be on the plan `a`"),
        ({"base": 5}, {"plans": moves_to({"week": "0%"})}, {}, "Nobody can be on the plan `pro`"),
        ({"base": 5}, {"plans": moves_to({"at_quota": "50%"})}, {}, "Users on `free` have no quota"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(
    loaded: Loader, growth: dict[str, Any], users: dict[str, Any], more: dict[str, Any], said: str
) -> None:
    with pytest.raises(ScenarioError, match=said):
        loaded(growth, users, **more)


def test_moves_need_growth(loaded: Loader) -> None:
    with pytest.raises(ScenarioError, match="do not move between plans"):
        loaded(None, {"growth": None, "daily_active": 5, "plans": {
            "free": {"share": "50%", "moves": {"paid": "1%"}}, "paid": {"share": "50%"}}})  # fmt: skip


def test_the_playbook_and_large_sums(loaded: Loader) -> None:
    business = loaded(None, None, business={"cash": "$2.5M", "team": "playbook"}).document.business
    assert business.cash == 2_500_000 * 10**12
    assert [role.from_users for role in business.team.values()] == [1000, 1000, 1000]


def test_a_peak_multiplies_the_rate(tmp_path: Path) -> None:
    traffic = {"rate": "60/h", "seasonality": {"peaks": [
        {"at": "2h", "lasts": "4h", "factor": 3}, {"at": "5h", "lasts": "2h", "factor": 0.5}]}}  # fmt: skip
    with (tmp_path / "case.yaml").open("w") as file:
        YAML().dump(BASE | {"traffic": traffic, "horizon": "10h", "warmup": "0s"}, file)
    arrivals = compile_plan(sk.load(tmp_path / "case.yaml")).arrivals
    hours = np.arange(11) * 3600 * 10**9
    assert np.diff(arrivals.expected(hours)) == pytest.approx([60, 60, 180, 180, 180, 90, 30, 60, 60, 60])


def test_what_is_expected_of_growing_traffic(loaded: Loader) -> None:
    plan = compile_plan(loaded({"base": 10, "acquisition": 70}, warmup="0s", cooldown="0s"))
    days = np.arange(57) * 86_400 * 10**9
    per_day = np.diff(plan.arrivals.expected(days))
    assert per_day[0] == pytest.approx(10 + 10 + 10) and per_day[10] == pytest.approx(10 + 10 + 110)


def test_a_launch_begins_when_it_is(loaded: Loader) -> None:
    """Nobody before; 39 % within the first quarter of an hour of a decay of half an hour; all of them in the end."""
    launch = {"users": 2000, "at": "3d 12h", "decay": "30min"}
    season = {"seasonality": {"hours": "office", "weekend": "20%"}}
    scenario = loaded({"base": 0, "acquisition": {"launch": launch}})
    plan = compile_plan(scenario.set({f"traffic.{name}": value for name, value in season.items()}))
    first, beyond = plan.arrivals.first[1:3].tolist()
    start, rate = plan.arrivals.start[first + 1 :], plan.arrivals.rate[first:beyond]
    ends = np.searchsorted(start, [(84 + hours) * 3600 * 10**9 for hours in (0, 0.25, 0.5, 24)])
    came = np.concatenate([[0.0], np.cumsum(rate * np.diff(start[: len(rate) + 1]))])[ends]
    assert came == pytest.approx([0, 2000 * (1 - np.exp(-0.5)), 2000 * (1 - np.exp(-1)), 2000], rel=1e-4)


def test_notes_of_what_does_nothing(loaded: Loader) -> None:
    late = loaded({"base": 5, "acquisition": {"launch": {"users": 5, "at": "60d"}}})
    driven = loaded({"base": 5, "retention": {"table": {1: "50%"}, "lowered_by": {"quota": "5%"}}})
    has_quota = driven.set({"traffic.users.quota.day": 3})
    names = [{one.name for one in run_checks(scenario)} for scenario in (late, driven, has_quota)]
    assert [("launch_in_time" in found, "lowered_by_quota" in found) for found in names] == [
        (True, False), (False, True), (False, False),
    ]  # fmt: skip
