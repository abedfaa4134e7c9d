"""The traffic's shape over the day, the week and the year, as factors on its mean rate."""

from simkit.scenario.traffic import Seasonality

HOURS: dict[str, tuple[float, ...]] = {
    "flat": (1.0,) * 24,
    # Assumed: a working day with a dip at noon. With a weekend of 40% its busiest hour is 2.5 times the weekly mean;
    # the Azure LLM trace of 2024 has 2.85 (nine days, published roll-up).
    "office": (1, 1, 1, 1, 1, 2, 4, 10, 18, 24, 25, 24, 20, 22, 25, 24, 22, 17, 10, 6, 4, 3, 2, 1),
    # Assumed: a consumer product, busiest at 20 h.
    "evening": (5, 3, 2, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8, 9, 11, 14, 17, 18, 17, 14, 9),
    # Day against night 1.33 as in the Azure LLM trace of 2024: users in all time zones.
    "global": (12, 12, 12, 12, 12, 12, 12.5, 13, 14, 15, 16, 16, 16, 16, 16, 16, 16, 16, 15.5, 15, 14, 13.5, 13, 12.5),
}
"""Weights of the local hours 0..23 by name of the profile."""


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
