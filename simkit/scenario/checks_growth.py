"""Checks of growth: what is said of users who come and go, and does nothing."""

from collections.abc import Callable, Iterator

from simkit.scenario.economy import user_quotas
from simkit.scenario.findings import Finding
from simkit.scenario.scenario import Document
from simkit.scenario.units import format_duration


def check_launch_in_time(document: Document) -> Iterator[Finding]:
    """A launch after the horizon."""
    users, horizon = document.traffic.users, document.horizon
    growth = users.growth if users is not None else None
    for place, form in enumerate(growth.acquisition if growth is not None else ()):
        if form.launch is not None and horizon is not None and form.launch.at >= horizon:
            yield Finding(
                "launch_in_time", "warning", f"traffic.users.growth.acquisition.{place}.launch.at",
                f"The launch is at {format_duration(form.launch.at)}, the horizon {format_duration(horizon)}: nobody "
                "of it signs up.", "Let it be earlier, or make the horizon longer.",
            )  # fmt: skip


def check_lowered_by_quota(document: Document) -> Iterator[Finding]:
    """Users who are driven away by quotas that nobody has."""
    users = document.traffic.users
    if users is None or users.growth is None or users.growth.retention.lowered_by.quota == 0:
        return
    if not any(quota.day or quota.month for _, quota in user_quotas(document)):
        path = "traffic.users.growth.retention.lowered_by.quota"
        message = "This has no effect: no user has a quota."
        yield Finding("lowered_by_quota", "warning", path, message, "Say `traffic.users.quota`, or remove it.")


CHECKS: tuple[Callable[[Document], Iterator[Finding]], ...] = (check_launch_in_time, check_lowered_by_quota)

__all__ = ["CHECKS"]
