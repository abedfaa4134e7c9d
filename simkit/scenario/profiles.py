"""The traffic's shape over the day, the week and the year, as factors on its mean rate."""

from simkit.scenario.traffic import Seasonality

HOURS: dict[str, tuple[float, ...]] = {
    "flat": (1.0,) * 24,
    "office": (0.15, 0.1, 0.1, 0.1, 0.15, 0.25, 0.5, 1.0, 1.7, 2.2, 2.4, 2.3,
               1.9, 2.1, 2.4, 2.3, 2.0, 1.5, 0.9, 0.6, 0.5, 0.4, 0.3, 0.2),
    "evening": (0.8, 0.5, 0.3, 0.2, 0.2, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0,
                1.1, 1.0, 1.0, 1.1, 1.2, 1.4, 1.6, 1.9, 2.2, 2.3, 2.0, 1.4),
    "global": (0.80, 0.78, 0.78, 0.80, 0.83, 0.87, 0.92, 0.97, 1.03, 1.08, 1.13, 1.17,
               1.20, 1.22, 1.22, 1.20, 1.17, 1.13, 1.08, 1.03, 0.97, 0.92, 0.87, 0.83),
}  # fmt: skip
"""Weights of the local hours 0..23 of each named profile.

`office` and `evening` are assumed: one product's users in one time zone, the hour of most traffic at 2.2 times the mean
(ten-minute peaks of single services reach 2.7 to 3.0 times the mean, ServeGen; a minute's 2.85, Azure 2024).
`global` has the day (8-20 h) at 1.33 times the night, as measured over all of Azure's LLM traffic in 2024.
"""


def hour_factors(seasonality: Seasonality) -> tuple[float, ...]:
    """Factor by local hour; mean 1."""
    return _factors(HOURS[seasonality.hours] if isinstance(seasonality.hours, str) else seasonality.hours)


def weekday_factors(seasonality: Seasonality) -> tuple[float, ...]:
    """Factor by weekday, Monday first; mean 1."""
    if seasonality.weekdays is not None:
        return _factors(seasonality.weekdays)
    weekend = 1.0 if seasonality.weekend is None else seasonality.weekend
    return _factors([1.0] * 5 + [weekend] * 2)


def month_factors(seasonality: Seasonality) -> tuple[float, ...]:
    """Factor by month, January first; mean 1."""
    return _factors(seasonality.months or [1.0] * 12)


def _factors(weights: "tuple[float, ...] | list[float]") -> tuple[float, ...]:
    mean = sum(weights) / len(weights)
    return tuple(weight / mean for weight in weights)


__all__ = ["HOURS", "hour_factors", "month_factors", "weekday_factors"]
