"""The closed forms against textbook numbers, identities between them, and small independent simulations."""

import math
import random
from fractions import Fraction

import numpy as np
import pytest

from simkit import theory


# By hand, and rows of the Erlang B tables of traffic engineering (here with three to four digits of load):
# 1 % lost at 4.46 Erlangs on 10 lines, 2 % at 8.20 on 14, 5 % at 15.25 on 20.
@pytest.mark.parametrize(
    ("load", "servers", "lost", "digits"),
    [
        (1, 1, 0.5, 1e-12),
        (1, 2, 0.2, 1e-12),
        (2, 2, 0.4, 1e-12),
        (4.46, 10, 0.01, 5e-5),
        (8.20, 14, 0.02, 5e-5),
        (15.25, 20, 0.05, 5e-5),
    ],
)
def test_erlang_b(load: float, servers: int, lost: float, digits: float) -> None:
    assert theory.erlang_b(load, servers) == pytest.approx(lost, abs=digits)


def test_erlang_c_by_hand() -> None:
    # c = 2, a = 1: C = (a^2/2!)(2/(2-1)) / (1 + a + (a^2/2)(2)) = 1/3; c = 3, a = 2: (8/6)(3) / (1 + 2 + 2 + 4) = 4/9
    assert theory.erlang_c(1, 2) == pytest.approx(1 / 3)
    assert theory.erlang_c(2, 3) == pytest.approx(4 / 9)
    assert theory.erlang_c(0.7, 1) == pytest.approx(0.7)


def test_erlang_c_call_centre() -> None:
    # 1 call a minute of 5 min on 7 agents, by the sum over states with exact fractions
    queueing = Fraction(5**7, math.factorial(7)) * Fraction(7, 2)
    serving = sum(Fraction(5**k, math.factorial(k)) for k in range(7))
    delayed = queueing / (serving + queueing)
    assert theory.erlang_c(5, 7) == pytest.approx(float(delayed))
    assert theory.mmc_wait(1, 5, 7) == pytest.approx(float(delayed * Fraction(5, 2)))


def test_mm1_textbook() -> None:
    # 5 an hour come, 6 an hour can be served: L = 5, Lq = 25/6, W = 1 h, Wq = 50 min
    assert theory.mm1_sojourn(5, 1 / 6) == pytest.approx(1)
    assert theory.mm1_wait(5, 1 / 6) == pytest.approx(50 / 60)
    assert theory.little(5, theory.mm1_wait(5, 1 / 6)) == pytest.approx(25 / 6)
    assert theory.mm1_sojourn_percentile(5, 1 / 6, 0.95) == pytest.approx(math.log(20))


def test_mmc_wait_percentile() -> None:
    quantile = theory.mmc_wait_percentile(1, 5, 7, 0.95)
    assert theory.erlang_c(5, 7) * math.exp(-(7 / 5 - 1) * quantile) == pytest.approx(0.05)
    assert theory.mmc_wait_percentile(1, 5, 7, 0.6) == 0  # fewer than 40 % wait
    assert theory.mmc_wait_percentile(0, 5, 7, 0.6) == 0
    assert theory.mmc_sojourn(1, 5, 7) == pytest.approx(5 + theory.mmc_wait(1, 5, 7))


@pytest.mark.parametrize("call", [theory.mm1_wait, theory.mm1_sojourn, theory.md1_wait])
def test_no_steady_state(call: object) -> None:
    with pytest.raises(ValueError, match="steady state"):
        call(2.0, 0.5)  # type: ignore[operator]
    with pytest.raises(ValueError, match="steady state"):
        theory.mmc_wait(4, 0.5, 2)


def test_mmck_meets_its_neighbours() -> None:
    assert theory.mmck_loss(3, 1, 4, 4) == pytest.approx(theory.erlang_b(3, 4))
    assert theory.mmck_wait(3, 1, 4, 400) == pytest.approx(theory.mmc_wait(3, 1, 4))
    assert theory.mmck_distribution(3, 1, 4, 9).sum() == pytest.approx(1)
    assert theory.mmck_loss(2, 1, 1, 1) == pytest.approx(2 / 3)


def test_mmck_by_hand() -> None:
    # M/M/1/3 at load 1: uniform over 0..3; queue lengths 0, 0, 1, 2, so Lq = 3/4, taken in 3/4: wait 1 service
    assert theory.mmck_distribution(1, 1, 1, 3) == pytest.approx(np.full(4, 0.25))
    assert theory.mmck_wait(1, 1, 1, 3) == pytest.approx(1)


def test_mg1_between_md1_and_mm1() -> None:
    assert theory.mg1_wait(0.8, 1, 1) == pytest.approx(theory.mm1_wait(0.8, 1))
    assert theory.md1_wait(0.8, 1) == pytest.approx(theory.mm1_wait(0.8, 1) / 2)
    assert theory.mg1_wait(0.5, 1, 2) == pytest.approx(2.5)  # 0.5 (1 + 4) / (2 * 0.5)


def test_md1_distribution() -> None:
    # Erlang (1909): P(no wait) = 1 - rho; for t <= service (1 - rho) exp(arrivals t)
    assert theory.md1_wait_cdf(0.6, 1, 0) == pytest.approx(0.4)
    assert theory.md1_wait_cdf(0.6, 1, 0.5) == pytest.approx(0.4 * math.exp(0.3))
    # Crommelin's alternating sum, direct for small times
    direct = 0.4 * sum((-0.6 * (2.5 - k)) ** k / math.factorial(k) * math.exp(0.6 * (2.5 - k)) for k in range(3))
    assert theory.md1_wait_cdf(0.6, 1, 2.5) == pytest.approx(direct)


def test_md1_distribution_has_its_mean() -> None:
    step = 0.01
    tail = sum(1 - theory.md1_wait_cdf(0.6, 1, (k + 0.5) * step) for k in range(3000)) * step
    assert tail == pytest.approx(theory.md1_wait(0.6, 1), rel=1e-4)


def test_tandem() -> None:
    assert theory.tandem_sojourn(1, [0.5, 0.25]) == pytest.approx(1 + 1 / 3)
    # the stations' times have means 1 and 1/3, rates 1 and 3: P(T > t) = (3 e^-t - e^-3t) / 2
    expected = 1 - (1.5 * math.exp(-2) - 0.5 * math.exp(-6))
    assert theory.tandem_sojourn_cdf(1, [0.5, 0.25], 2) == pytest.approx(expected)
    with pytest.raises(ValueError, match="differ"):
        theory.tandem_sojourn_cdf(1, [0.5, 0.5], 2)


def test_mginf_is_poisson() -> None:
    assert theory.mginf_occupancy(2, 1.5, 0) == pytest.approx(math.exp(-3))
    assert theory.mginf_occupancy(2, 1.5, 4) == pytest.approx(0.16803, abs=5e-6)  # Poisson tables, mean 3
    assert theory.mginf_occupancy(0, 1.5, 0) == 1


def test_nhpp_counts() -> None:
    counts = theory.nhpp_counts([0, 10, 20], [1, 3, 0.5], [-5, 0, 5, 15, 30])
    assert counts == pytest.approx([0, 5, 20, 20])


def test_availability() -> None:
    assert theory.availability(83, 2.95) == pytest.approx(0.96568, abs=1e-5)
    # exponential both, up = down = 1: variance 1 * 1 * 2 / (8 T)
    assert theory.availability_std(1, 1, 1, 1, 100) == pytest.approx(math.sqrt(2 / 800))


def test_attempts_and_success() -> None:
    assert theory.success(0.1, 2) == pytest.approx(0.999)
    assert theory.attempts(0.1, 2) == pytest.approx(1.11)
    assert theory.attempts(0.0, 5) == 1
    assert theory.attempts(1.0, 5) == 6
    assert theory.success(1.0, 5) == 0


def test_bucket_against_known_cases() -> None:
    assert theory.bucket_throughput(5, 8) == 5
    assert theory.bucket_throughput(9, 8) == 8
    assert theory.bucket_loss(3, 2, 1) == pytest.approx(theory.erlang_b(1.5, 1))  # K = 1 is M/G/1/1
    assert theory.bucket_retry_after(3, 2, 1) == pytest.approx(0.25)  # a whole service of 0.5 s, seen at random
    assert theory.bucket_loss(20, 2, 30) == pytest.approx(0.9, abs=1e-6)  # saturated: 1 - limit / offered


@pytest.mark.parametrize(("offered", "burst"), [(2.0, 10), (0.8, 3), (1.1, 4)])
def test_bucket_against_simulation(offered: float, burst: int) -> None:
    rng = random.Random(1)
    tat = now = waits = 0.0
    refused, count = 0, 200_000
    for _ in range(count):
        now += rng.expovariate(offered)
        mark = max(tat, now) + 1
        if mark - now <= burst:
            tat = mark
        else:
            refused += 1
            waits += mark - burst - now
    assert refused / count == pytest.approx(theory.bucket_loss(offered, 1, burst), rel=0.02)
    assert waits / refused == pytest.approx(theory.bucket_retry_after(offered, 1, burst), rel=0.02)


def test_erlang_a_between_its_neighbours() -> None:
    """Where users leave as fast as they are served it is M/M/infinity; impatient it is Erlang's B, patient his C."""
    poisson = [theory.mginf_occupancy(8, 0.5, n) for n in range(60)]
    queued = sum((n - 3) * p for n, p in enumerate(poisson) if n > 3)
    assert theory.mmcm(8, 0.5, 3, 0.5) == pytest.approx((queued / 0.5 / 8, queued / 8))
    assert theory.mmcm(8, 0.5, 3, 1e-9)[0] == pytest.approx(theory.erlang_b(4, 3))
    assert theory.mmcm(2, 0.5, 2, 1e5)[1] == pytest.approx(theory.mmc_wait(2, 0.5, 2), rel=1e-3)
    # one server, all means 1: weights 1, 1, 1/2, 1/6, ...: e in all, and sum of (n - 1) / n! is 1
    assert theory.mmcm(1, 1, 1, 1)[1] == pytest.approx(1 / math.e)


def test_guarded_losses_by_hand() -> None:
    # two places, one of them for the first class alone; all rates 1: weights 1, 2, 1
    assert theory.guarded_losses([1, 1], 1, [2, 1]) == pytest.approx([0.25, 0.75])
    assert theory.guarded_losses([3, 1], 0.5, [4, 4]) == pytest.approx([theory.erlang_b(2, 4)] * 2)
    assert theory.guarded_losses([2], 1, [2]) == pytest.approx([0.4])
