"""Growth as a person reads it: the section of the page, and what breaks first, in sentences."""

from simkit.result.books import mean_cash, sums
from simkit.result.breaks import Break, breaks
from simkit.result.evidence import DOLLAR, Evidence
from simkit.result.page import Block, Grid, Heading, Paragraph
from simkit.result.periods import Period, periods
from simkit.result.words import dollars, figure, number, whole

MOST = 3
"""Most things that give way in the answer."""


def growth_blocks(evidence: Evidence) -> list[Block]:
    """Headings, tables and sentences; nothing where users do not come and go."""
    months = periods(evidence, "month")
    if not months:
        return []
    blocks: list[Block] = [Heading("Growth, month by month"), _grid(months), Paragraph(_people(evidence), "Users:")]
    if evidence.plan.business.is_modelled:
        blocks += [Heading("Money, month by month"), _money(evidence, months), *_team(evidence)]
    found = breaks(evidence)
    if found:
        rows = tuple((one.month, number(round(one.users)), one.name, one.figure, one.cause) for one in found)
        columns = ("month", "daily active", "what gives way", "", "cause")
        blocks += [Heading("What breaks first"), Grid(columns, rows, frozenset({1}))]
    return blocks


def _grid(months: list[Period]) -> Grid:
    columns = (
        "month", "daily active", "signed up", "left", "driven away", "actions", "success", "p95", "cost",
        "per action", "per user seen",
    )  # fmt: skip
    rows = []
    for one in months:
        runs, served = len(one.runs), one.total("ok", "degraded")
        each = one.cost * runs / served if served else None
        counts = (one.daily_active, *(one.mean(name) for name in ("signed_up", "left", "driven_away")))
        rows.append(
            (
                one.label, *(number(round(count)) for count in counts), number(one.total("arrived") / runs),
                figure(one.success_rate, "share"), figure(one.latency(0.95), "s"), rounded(one.cost),
                figure(each, "USD"), figure(one.cost / one.seen if one.seen else None, "USD"),
            )
        )  # fmt: skip
    return Grid(columns, tuple(rows), frozenset(range(1, len(columns))))


def _people(evidence: Evidence) -> str:
    """Who came and went in all."""
    runs = len(evidence.tallies)

    def total(name: str) -> float:
        return sum(float(getattr(one.lives, name).sum()) for one in evidence.tallies) / runs

    signed, activated, lost = total("signed_up"), total("activated"), total("let_down")
    left, driven = total("left"), total("driven_away")
    text = f"{number(round(signed))} signed up, {number(round(activated))} became active users"
    text += f" ({number(round(lost))} more would have, had their first day gone well)" if lost >= 1 else ""
    text += f"; {number(round(left))} left"
    return text + (f", {number(round(driven))} of them for failures, waits or bad answers." if driven >= 1 else ".")


def _money(evidence: Evidence, months: list[Period]) -> Grid:
    columns = ("month", "revenue", "serving", "fixed and team", "profit", "gross margin", "cash", "value of answers")
    books, runs, rows = evidence.books, len(evidence.tallies), []
    for one in months:
        income, served, spent = (amount / DOLLAR / runs for amount in sums(books, one.number))
        value = sum(book.value[one.number] for book in books) / DOLLAR / runs
        rows.append(
            (
                one.label, rounded(income), rounded(served), rounded(spent - served), rounded(income - spent),
                whole((income - served) / income) if income else "–", figure(mean_cash(books, one.number), "USD"),
                rounded(value) if value else "–",
            )
        )  # fmt: skip
    return Grid(columns, tuple(rows), frozenset(range(1, len(columns))))


def rounded(usd: float) -> str:
    """Whole dollars, where they are enough."""
    return dollars(round(usd)).removesuffix(".00") if abs(usd) >= 100 else dollars(usd)


def _team(evidence: Evidence) -> list[Block]:
    """Who is hired when, in most replications."""
    said = []
    days = periods(evidence, "day")
    for role in evidence.plan.business.team:
        first = [one.hired[role.name] for one in evidence.books]
        known = sorted(day for day in first if day is not None)
        if role.from_users and 2 * len(known) >= len(first):
            span = " to ".join(dict.fromkeys(days[day].label for day in (known[0], known[-1])))
            said.append(f"{role.name.replace('_', ' ')} from {span} ({number(role.from_users)} daily active users)")
    return [Paragraph(f"{'; '.join(said)}.", "Hired:")] if said else []


def growth_lessons(evidence: Evidence) -> tuple[str, ...]:
    """The first things that give way, in sentences."""
    found = breaks(evidence)
    said = tuple(_said(one) for one in found[:MOST])
    more = len(found) - MOST
    return (*said, f"{more} more give way later: see the section below.") if more > 0 else said


def _said(one: Break) -> str:
    users = number(round(one.users))
    return f"{one.month}, at {users} daily active users: {one.name}, {one.figure}; {one.cause}."


__all__ = ["growth_blocks", "growth_lessons"]
