"""Closed forms of queueing and reliability theory: the witnesses that the simulation is held against.

Rates are per second, times in seconds, shares in [0, 1]. `arrivals` is an arrival rate, `service` a mean
service time. A queue without a steady state raises `ValueError`. Nothing here knows the engines.
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def _load(arrivals: float, service: float, servers: int = 1) -> float:
    """Offered load in Erlangs; raises `ValueError` where the queue would grow for ever."""
    load = arrivals * service
    if not 0 <= load < servers:
        raise ValueError(f"no steady state: offered load {load:.6g} on {servers} server(s)")
    return load


# --- several servers, exponential service -------------------------------------------------------------


def erlang_b(load: float, servers: int) -> float:
    """Share of arrivals lost by M/G/c/c at `load` Erlangs.

    Erlang (1917); by the recursion B(0) = 1, B(c) = a B(c-1) / (c + a B(c-1)) (Jagerman 1974).
    """
    lost = 1.0
    for c in range(1, servers + 1):
        lost = load * lost / (c + load * lost)
    return lost


def erlang_c(load: float, servers: int) -> float:
    """Share of arrivals that wait in M/M/c at `load` Erlangs; raises `ValueError` if load >= servers.

    Erlang (1917), from B: C = c B / (c - a (1 - B)) (Cooper 1981, 3.5).
    """
    load = _load(load, 1.0, servers)
    lost = erlang_b(load, servers)
    return servers * lost / (servers - load * (1 - lost))


def mmc_wait(arrivals: float, service: float, servers: int) -> float:
    """Mean wait in queue of M/M/c over all customers: C / (c/s - arrivals) (Kleinrock 1975, 3.5)."""
    load = _load(arrivals, service, servers)
    return erlang_c(load, servers) * service / (servers - load)


def mmc_sojourn(arrivals: float, service: float, servers: int) -> float:
    """Mean time in system of M/M/c: wait and service."""
    return mmc_wait(arrivals, service, servers) + service


def mmc_wait_percentile(arrivals: float, service: float, servers: int, share: float) -> float:
    """Quantile of the wait in queue over all customers of M/M/c (FCFS); 0 where at least `share` do not wait.

    P(W > t) = C exp(-(c/s - arrivals) t) (Gross and Harris 1998, 2.3).
    """
    load = _load(arrivals, service, servers)
    waiting = erlang_c(load, servers)
    return max(0.0, math.log(waiting / (1 - share)) * service / (servers - load)) if waiting > 0 else 0.0


def mm1_wait(arrivals: float, service: float) -> float:
    """Mean wait in queue of M/M/1: rho s / (1 - rho)."""
    return mmc_wait(arrivals, service, 1)


def mm1_sojourn(arrivals: float, service: float) -> float:
    """Mean time in system of M/M/1: s / (1 - rho)."""
    return service / (1 - _load(arrivals, service))


def mm1_sojourn_percentile(arrivals: float, service: float, share: float) -> float:
    """Quantile of the time in system of M/M/1 (FCFS), which is exponential (Kleinrock 1975, 5.6)."""
    return -math.log(1 - share) * mm1_sojourn(arrivals, service)


def mmck_distribution(arrivals: float, service: float, servers: int, places: int) -> Floats:
    """P(n in system), n = 0..places, of M/M/c/K; `places` = K counts those in service too.

    Birth and death (Gross and Harris 1998, 2.5); a steady state exists at any load.
    """
    ratio = arrivals * service / np.minimum(np.arange(1, places + 1), servers)
    weights = np.concatenate(([1.0], np.cumprod(ratio)))
    return np.asarray(weights / weights.sum())


def mmck_loss(arrivals: float, service: float, servers: int, places: int) -> float:
    """Share of arrivals that M/M/c/K turns away: P(places in system), by PASTA."""
    return float(mmck_distribution(arrivals, service, servers, places)[-1])


def mmck_wait(arrivals: float, service: float, servers: int, places: int) -> float:
    """Mean wait in queue of the customers that M/M/c/K takes in (Little's law on the queue)."""
    p = mmck_distribution(arrivals, service, servers, places)
    queued = float(np.dot(np.maximum(np.arange(places + 1) - servers, 0), p))
    return queued / (arrivals * (1 - float(p[-1])))


def mmcm(arrivals: float, service: float, servers: int, patience: float) -> tuple[float, float]:
    """Share of arrivals that leave the queue of M/M/c+M unserved, and the mean wait over all; any load is steady.

    Erlang A (Palm 1957; Garnett, Mandelbaum and Reiman 2002): birth and death, n in the system leave at
    min(n, c) / service + (n - c)+ / patience. The share is that of leaving in a queue of E[Q] by Little's law.
    """
    n = np.arange(1, servers + 60 + int(4 * arrivals * max(patience, service)))
    leave = np.minimum(n, servers) / service + np.maximum(n - servers, 0) / patience
    weights = np.concatenate(([1.0], np.cumprod(arrivals / leave)))
    queued = float(np.dot(np.maximum(np.arange(len(weights)) - servers, 0), weights / weights.sum()))
    return queued / patience / arrivals, queued / arrivals


def guarded_losses(arrivals: Sequence[float], service: float, places: Sequence[int]) -> list[float]:
    """Share lost of each class of M/M/infinity, where class i is turned away at `places[i]` in the system and more.

    Guard channels, trunk reservation (Hong and Rappaport 1986): birth and death, with those let in arriving.
    """
    n = np.arange(max(places))
    births = sum(rate * (n < most) for rate, most in zip(arrivals, places, strict=True))
    weights = np.concatenate(([1.0], np.cumprod(births * service / (n + 1))))
    return [float(weights[most:].sum() / weights.sum()) for most in places]


# --- one server, general service ----------------------------------------------------------------------


def mg1_wait(arrivals: float, service: float, cv: float) -> float:
    """Mean wait in queue of M/G/1, `cv` = standard deviation / mean of the service time.

    Pollaczek (1930), Khinchine (1932): W = rho s (1 + cv^2) / (2 (1 - rho)).
    """
    load = _load(arrivals, service)
    return load * service * (1 + cv * cv) / (2 * (1 - load))


def md1_wait(arrivals: float, service: float) -> float:
    """Mean wait in queue of M/D/1: rho s / (2 (1 - rho)), half of M/M/1's."""
    return mg1_wait(arrivals, service, 0.0)


def _poisson_tail(mean: float, beyond: int) -> Floats:
    """P(Poisson(mean) > n) for n = 0..beyond - 1."""
    n = np.arange(1, beyond)
    pmf = np.concatenate(([math.exp(-mean)], math.exp(-mean) * np.cumprod(mean / n)))
    return np.asarray(1.0 - np.cumsum(pmf))


def _md1_weights(load: float, count: int) -> Floats:
    """P(n in system) / P(0 in system) of M/D/1, n = 0..count - 1, at any load.

    Level crossings at departures: w(n+1) a0 = P(A > n) + sum over i = 1..n of w(i) P(A > n - i + 1),
    A = arrivals during one service; no subtraction, so it is stable (Tijms 2003, 9.2).
    """
    tail = _poisson_tail(load, count + 2)
    weights = np.ones(count)
    for n in range(count - 1):
        inner = float(np.dot(weights[1 : n + 1], tail[n:0:-1]))
        weights[n + 1] = (tail[n] + inner) / math.exp(-load)
    return weights


def md1_wait_cdf(arrivals: float, service: float, time: float) -> float:
    """P(wait <= time) of M/D/1 (FCFS): Crommelin (1932) in the stable form of Franx (2001)."""
    load = _load(arrivals, service)
    ahead = math.floor(time / service) + 1
    mean = arrivals * (ahead * service - time)
    in_system = (1 - load) * _md1_weights(load, ahead + 1)
    at_most_queued = np.cumsum(in_system)[1:]  # j in queue = j + 1 in system, and 0 in queue = 0 or 1
    pmf = math.exp(-mean) * np.concatenate(([1.0], np.cumprod(mean / np.arange(1, ahead))))
    return float(np.dot(at_most_queued[::-1], pmf))


def priority_waits(arrivals: Sequence[float], services: Sequence[float], cvs: Sequence[float]) -> list[float]:
    """Mean waits in queue of M/G/1 with non-preemptive priority classes, the first class first.

    Cobham (1954): W(k) = R / ((1 - rho(1..k-1)) (1 - rho(1..k))), R = sum of a(i) s(i)^2 (1 + cv(i)^2) / 2.
    """
    loads = [a * s for a, s in zip(arrivals, services, strict=True)]
    _load(sum(loads), 1.0)
    rest = sum(load * s * (1 + cv * cv) / 2 for load, s, cv in zip(loads, services, cvs, strict=True))
    sums = [sum(loads[:k]) for k in range(len(loads) + 1)]
    return [rest / ((1 - before) * (1 - upto)) for before, upto in itertools.pairwise(sums)]


# --- networks, and what holds for any law -------------------------------------------------------------


def tandem_sojourn(arrivals: float, services: Sequence[float]) -> float:
    """Mean time through M/M/1 stations in a row (Burke 1956: each station sees Poisson arrivals)."""
    return sum(mm1_sojourn(arrivals, service) for service in services)


def tandem_sojourn_cdf(arrivals: float, services: Sequence[float], time: float) -> float:
    """P(time through all stations <= time): the stations' times are independent (Reich 1957).

    A sum of exponentials with different means; raises `ValueError` where two stations are alike.
    """
    means = [mm1_sojourn(arrivals, service) for service in services]
    if len(set(means)) < len(means):
        raise ValueError("stations must differ")
    tail = 0.0
    for i, mean in enumerate(means):
        others = (mean / (mean - other) for j, other in enumerate(means) if j != i)
        tail += math.prod(others) * math.exp(-time / mean)
    return 1 - tail


def mginf_occupancy(arrivals: float, service: float, count: int) -> float:
    """P(count in system) of M/G/infinity: Poisson with mean arrivals x service, for any law (Takacs 1962)."""
    mean = arrivals * service
    return math.exp(count * math.log(mean) - mean - math.lgamma(count + 1)) if mean > 0 else float(count == 0)


def little(arrivals: float, time: float) -> float:
    """Mean number in a station: arrivals x mean time in it (Little 1961)."""
    return arrivals * time


def nhpp_counts(starts: Sequence[float], rates: Sequence[float], edges: Sequence[float]) -> Floats:
    """Expected arrivals between neighbouring `edges` where the rate is `rates[i]` from `starts[i]` on.

    The last rate holds for ever; before the first start nothing arrives. The count of a Poisson process
    has this mean and variance (Cinlar 1975, 4.7).
    """
    begin = np.asarray(starts, dtype=np.float64)
    end = np.append(begin[1:], math.inf)
    low, high = np.asarray(edges[:-1], dtype=np.float64), np.asarray(edges[1:], dtype=np.float64)
    overlap = np.minimum(high[:, None], end) - np.maximum(low[:, None], begin)
    return np.asarray(np.maximum(overlap, 0.0) @ np.asarray(rates, dtype=np.float64))


# --- shares and means of laws -------------------------------------------------------------------------


def mixture_mean(weights: Sequence[float], means: Sequence[float]) -> float:
    """Mean of a mixture: the means weighted (law of total expectation)."""
    return sum(w * mean for w, mean in zip(weights, means, strict=True)) / sum(weights)


def zipf_share(rank: int, number: int, exponent: float) -> float:
    """Share of the rank-th of `number` under Zipf's law: rank^-s / H(number, s) (Zipf 1949)."""
    return float(rank**-exponent) / _harmonic(number, exponent)


def zipf_mean_rank(number: int, exponent: float) -> float:
    """Mean rank under Zipf's law: H(number, s - 1) / H(number, s)."""
    return _harmonic(number, exponent - 1) / _harmonic(number, exponent)


def _harmonic(number: int, exponent: float) -> float:
    """Generalised harmonic number H(number, exponent)."""
    return math.fsum(rank**-exponent for rank in range(1, number + 1))


def exponential_max(mean: float, count: int) -> float:
    """Mean of the longest of `count` independent exponentials: mean (1 + 1/2 + ... + 1/count) (Renyi 1953)."""
    return mean * _harmonic(count, 1.0)


def erlang_tail(mean: float, stages: int, time: float) -> float:
    """P(sum > time) of `stages` exponentials of one mean each: P(Poisson(time / mean) < stages) (Erlang 1917)."""
    x = time / mean
    return math.exp(-x) * sum(x**k / math.factorial(k) for k in range(stages))


def erlang_capped_mean(mean: float, stages: int, cap: float) -> float:
    """E[min(sum, cap)] of `stages` exponentials: the integral of the tail, mean x the sum of those of 1..stages."""
    return mean * sum(1 - erlang_tail(mean, n, cap) for n in range(1, stages + 1))


def lognormal_tail(median: float, sigma: float, limit: float) -> float:
    """P(X > limit) of a lognormal (Johnson, Kotz and Balakrishnan 1994, 14)."""
    return math.erfc(math.log(limit / median) / (sigma * math.sqrt(2))) / 2


def lognormal_capped_mean(median: float, sigma: float, cap: float) -> float:
    """E[min(X, cap)] of a lognormal: the partial mean below the cap, and the cap beyond.

    The mean weighted by size is that of a lognormal of median x exp(sigma^2) (Johnson, Kotz and Balakrishnan 1994, 14).
    """
    mean = median * math.exp(sigma * sigma / 2)
    below = 1 - lognormal_tail(median * math.exp(sigma * sigma), sigma, cap)
    return mean * below + cap * lognormal_tail(median, sigma, cap)


def stream_share(first: float, lasts: float, limit: float) -> float:
    """Mean share of a stream delivered by `limit`; it begins after an exponential of mean `first`, and `lasts` so long.

    E[min(max(limit - X, 0), lasts)] / lasts = integral of P(X <= x) over [limit - lasts, limit] / lasts, X >= 0.
    """
    low = max(limit - lasts, 0.0)
    missed = first * (math.exp(-low / first) - math.exp(-limit / first))
    return (limit - low - missed) / lasts


# --- failures, retries, limits ------------------------------------------------------------------------


def availability(up: float, down: float) -> float:
    """Long-run share of time up, from the mean times up and down, for any law (renewal reward; Ross 1996, 3.4)."""
    return up / (up + down)


def availability_std(up: float, up_cv: float, down: float, down_cv: float, time: float) -> float:
    """Standard deviation of the share of `time` spent up, for large `time` (Takacs 1957).

    Variance = up^2 down^2 (up_cv^2 + down_cv^2) / ((up + down)^3 time).
    """
    return up * down * math.sqrt((up_cv**2 + down_cv**2) / ((up + down) ** 3 * time))


def success(error: float, retries: int) -> float:
    """Share of calls that succeed when every attempt fails independently with probability `error`."""
    return 1 - error ** (retries + 1)


def attempts(error: float, retries: int) -> float:
    """Mean attempts of a call: 1 + error + ... + error^retries (a geometric law cut at retries + 1)."""
    return sum(error**k for k in range(retries + 1))


def repetitions(mean: float, most: int) -> float:
    """Mean of a geometric number of at least 1 that is cut at `most`: mean (1 - (1 - 1 / mean)^most).

    Each is followed by another with probability 1 - 1 / mean, as a failure is by a try: see `attempts`.
    """
    return attempts(1 - 1 / mean, most - 1)


def bucket_throughput(offered: float, limit: float) -> float:
    """Rate that passes a token bucket in the long run where demand does not come in random gaps."""
    return min(offered, limit)


def bucket_loss(offered: float, limit: float, burst: int) -> float:
    """Share of Poisson requests that a bucket of `burst` tokens refilled at `limit` refuses.

    The bucket's debt is the work in an M/D/1/K queue, K = burst, service 1 / limit; a refusal writes nothing,
    as a loss does. Loss = 1 - 1 / (p0 + rho), p0 from the unbounded queue's ratios (Tijms 2003, 9.8.1).
    """
    load = offered / limit
    idle = 1 / float(_md1_weights(load, burst).sum())
    return 1 - 1 / (idle + load)


def bucket_retry_after(offered: float, limit: float, burst: int) -> float:
    """Mean Retry-After of the refused requests of `bucket_loss`: the rest of the service of a full M/D/1/K queue.

    A service of length d that begins with j in system is full for its last R = (d - Erlang(K - j))+;
    seen by Poisson arrivals at random while full, the rest is on average E[R^2] / (2 E[R]).
    """
    load = offered / limit
    begins = _service_begins(load, burst)
    first = second = 0.0
    for j in range(1, burst + 1):
        weight = float(begins[j])
        m1, m2 = _full_moments(load, burst - j)
        first, second = first + weight * m1, second + weight * m2
    return second / (2 * first * limit)


def _service_begins(load: float, places: int) -> Floats:
    """Weights of the number in system, 0..places, as a service of M/D/1/K begins (an empty one begins with 1)."""
    left = _md1_weights(load, places)  # as left behind by departures: 0..places - 1
    begins = np.zeros(places + 1)
    begins[1:places] = left[1:]
    begins[1] += left[0]
    return begins


def _full_moments(load: float, missing: int) -> tuple[float, float]:
    """E[R], E[R^2] of R = (1 - T)+, T the time of the `missing`-th of Poisson(load) arrivals (0: at once).

    Given N = n >= missing arrivals within the unit, T is Beta(missing, n - missing + 1) (order statistics
    of uniforms), which has plain moments; summed over the Poisson law of N.
    """
    if missing == 0:
        return 1.0, 1.0
    n = np.arange(missing, missing + 60 + int(4 * load))
    log_pmf = n * math.log(load) - load - np.array([math.lgamma(k + 1) for k in n])
    pmf = np.exp(log_pmf)
    rest = n - missing + 1
    first = rest / (n + 1)
    second = first * (rest + 1) / (n + 2)
    return float(np.dot(pmf, first)), float(np.dot(pmf, second))


# --- regions ------------------------------------------------------------------------------------------


def detection_time(interval: float, failures: int, timeout: float) -> float:
    """Mean time from a failure to its detection by checks of a random phase: `failures` of them in a row have to fail.

    The first check after the failure comes after half an interval on average, the last one `failures` - 1 intervals
    later, and it has failed when its timeout is over.
    """
    return (failures - 0.5) * interval + timeout


def dns_shift(time: float, ttl: float, ignore: float, ignore_for: float) -> float:
    """Share of the clients that have heard of a change for so long.

    Each asks anew every `ttl` at its own moment, uniform within it, so a share time / ttl has asked since; `ignore` of
    them hear everything `ignore_for` later.
    """
    return (1 - ignore) * min(time / ttl, 1) + ignore * min(max(time - ignore_for, 0) / ttl, 1)


def failover_loss(up: float, down: float, detect: float, shift: float) -> float:
    """Share of the time without service where another region, always up, takes over (renewal reward; Ross 1996, 3.6).

    In each cycle of up and down everybody is lost until it is detected, then those who have not yet heard of it: half
    of them on average while they hear evenly over `shift`. Needs detect + shift <= down.
    """
    return (detect + shift / 2) / (up + down)


def failover_loss_both(up: float, down: float, detect: float, recover: float) -> float:
    """The same where the other region fails likewise and independently, and everybody hears at once.

    A region is in one of four states, for so long in each cycle: lost and not known (`detect`), known to be lost (the
    rest of `down`), up again and not known (`recover`), up. Users are lost while their own region is lost and not
    known; while theirs is known to be lost and the other is lost, or is not known to be up (both seem to be lost, then
    the nearer one is asked, which is); while theirs is up, but not known to be, and the other is lost and not known.
    """
    cycle = up + down
    lost, known, hidden = detect / cycle, (down - detect) / cycle, recover / cycle
    return lost + known * (lost + known + hidden) + hidden * lost


def distinct(asked: float, number: int) -> float:
    """Mean number of different ones among so many that are asked at random, all alike (occupancy; Feller I, II.5).

    What a cache that keeps all misses: each one is missing with chance (1 - 1 / number) ^ asked.
    """
    return -number * math.expm1(asked * math.log1p(-1 / number))
