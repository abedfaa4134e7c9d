"""Elementary functions from + - * / sqrt alone: the same bits on every machine.

`numpy.exp` and `math.log` differ between machines in the last bit of a few per cent of arguments, and a
rounded table would still differ where a value lies at a rounding boundary. Arguments are floats or arrays.
Sources: exp and log as in FreeBSD's msun (e_exp.c, e_log.c: errors below 1 ulp), the normal quantile by
Wichura (1988), algorithm AS 241, PPND16 (relative error about 1e-16).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

LN2_HIGH = 6.93147180369123816490e-01
LN2_LOW = 1.90821492927058770002e-10
SQRT_HALF = 0.7071067811865476
EXP_POLY = (1.66666666666666019037e-01, -2.77777777770155933842e-03, 6.61375632143793436117e-05,
            -1.65339022054652515390e-06, 4.13813679705723846039e-08)  # fmt: skip
LOG_POLY = (6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01,
            1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01)  # fmt: skip
CENTRE = (
    (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
)  # fmt: skip
MIDDLE = (
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9),
)  # fmt: skip
TAIL = (
    (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15),
)  # fmt: skip


def _poly(coefficients: tuple[float, ...], x: Floats) -> Floats:
    """The polynomial with these coefficients, constant first (Horner)."""
    total = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total


def exp(x: ArrayLike) -> Floats:
    """e^x for |x| up to 700."""
    x = np.asarray(x, np.float64)
    k = np.rint(x / (LN2_HIGH + LN2_LOW))
    high = x - k * LN2_HIGH
    low = k * LN2_LOW
    r = high - low
    square = r * r
    c = r - square * _poly(EXP_POLY, square)
    return np.asarray(np.ldexp(1.0 - ((low - (r * c) / (2.0 - c)) - high), k.astype(np.int32)))


def log(x: ArrayLike) -> Floats:
    """Natural logarithm of positive x."""
    mantissa, exponent = np.frexp(np.asarray(x, np.float64))
    small = mantissa < SQRT_HALF
    f = np.where(small, 2.0 * mantissa, mantissa) - 1.0
    k = (exponent - small).astype(np.float64)
    s = f / (2.0 + f)
    square = s * s
    half = 0.5 * f * f
    return np.asarray(k * LN2_HIGH - ((half - (s * (half + square * _poly(LOG_POLY, square)) + k * LN2_LOW)) - f))


def log1p(x: ArrayLike) -> Floats:
    """ln(1 + x), exact for small x too (Kahan's correction of the rounding of 1 + x)."""
    x = np.asarray(x, np.float64)
    whole = 1.0 + x
    moved = np.where(whole == 1.0, 1.0, whole - 1.0)
    return np.asarray(np.where(whole == 1.0, x, log(whole) * (x / moved)))


def power(x: ArrayLike, exponent: float) -> Floats:
    """x^exponent for positive x."""
    return exp(exponent * log(x))


def normal_quantile(p: ArrayLike) -> Floats:
    """The standard normal quantile of p in (0, 1); for the upper tail ask for the lower one and change the sign."""
    p = np.asarray(p, np.float64)
    q = p - 0.5
    inner = 0.180625 - q * q
    centre = q * (_poly(CENTRE[0], inner) / _poly(CENTRE[1], inner))
    r = np.sqrt(-log(np.where(q < 0, p, 1.0 - p)))
    middle = _poly(MIDDLE[0], r - 1.6) / _poly(MIDDLE[1], r - 1.6)
    tail = _poly(TAIL[0], r - 5.0) / _poly(TAIL[1], r - 5.0)
    outer = np.where(r <= 5.0, middle, tail)
    return np.asarray(np.where(np.abs(q) <= 0.425, centre, np.where(q < 0, -outer, outer)))


def significant(x: ArrayLike, bits: int = 40) -> Floats:
    """x rounded to this many significant bits (half to even)."""
    mantissa, exponent = np.frexp(np.asarray(x, np.float64))
    return np.asarray(np.ldexp(np.rint(np.ldexp(mantissa, bits)), exponent - bits))
