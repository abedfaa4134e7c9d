"""Rows of the table of mechanisms, see `mechanisms`: users who come and go, what moves all traffic."""

from mechanism import Mechanism

USERS = "traffic.users"
GROWTH = "traffic.users.growth"


def acquisition(*forms: str) -> tuple[str, ...]:
    """Forms of it."""
    return tuple(f"{GROWTH}.acquisition.*.{form}" for form in forms)


def retention(*keys: str) -> tuple[str, ...]:
    """Of active users."""
    return tuple(f"{GROWTH}.retention.{key}" for key in keys)


GROWING = {
    "growth": Mechanism(
        (f"{GROWTH}.base", *acquisition("constant", "linear", "exponential", "logistic", "launch", "table")),
        ("growth_signup", "growth_retention"),
        "cohorts", "active_users_end", "cohorts_figure", "A base of 100 users is there at the start",
    ),
    "activation": Mechanism(
        (f"{GROWTH}.activation",), ("growth_signup", "growth_let_down"),
        "let_down", "activation_rate", "cohorts_figure", "fewer where the first day went badly",
    ),
    "retention": Mechanism(
        retention("table", "power", "exponential"), ("growth_retention", "growth_stays"),
        "cohorts", "retention_4w", "retention_figure", "retention by cohort",
    ),
    "what makes users leave": Mechanism(
        retention("lowered_by"), ("growth_driven_away", "growth_slow", "growth_stays"),
        "driven_away", "driven_away_rate", "retention_figure", "left for it",
    ),
    "plans": Mechanism(
        (f"{USERS}.plans.*.moves",), ("growth_moves", "growth_at_quota"),
        "moves", "revenue_per_month", "money_figure", "move to the paid plan",
    ),
    "conversations a day": Mechanism(
        (f"{USERS}.sessions_per_day",), ("growth_sessions",),
        "cohorts", "turns_per_conversation", "days_figure", "Conversations instead of actions a day",
    ),
    "modulation": Mechanism(
        ("traffic.modulation",), (),
        "hourly", "actions", "days_figure", "slow random factor",
        drawn=("parity/test_parity.py::test_generated_growth",),
    ),
    "peaks": Mechanism(
        ("traffic.seasonality.peaks",), ("arrivals_peak",),
        "unit/test_growth.py::test_a_peak_multiplies_the_rate", "actions", "days_figure",
        "a time with more traffic than usual",
    ),
}  # fmt: skip
