#!/usr/bin/env python3
"""Write tests/golden/stats_values.h: what test_stats_values.c compares libfathom's statistics with.

Run by hand, with Debian's python3-scipy, from the root of the tree:
    tests/golden/make_stats_values.py | clang-format > tests/golden/stats_values.h
Nothing here is computed as the library computes it: tails come from SciPy's own distributions, roots
from a bracketing solver over a likelihood that is maximised by search, exact tests from the sum over
every outcome, mixtures from numerical integration, permutations from the list of all of them.
"""
import itertools
import math

import numpy as np
import scipy
from scipy import integrate, optimize, stats


def number(x):
    if math.isinf(x):
        return "-INFINITY" if x < 0 else "INFINITY"
    return repr(float(x))


def table(name, struct, rows):
    print(f"\nstatic const struct {{\n    {struct}\n}} {name}[] = {{")
    for row in rows:
        print("    {" + ", ".join(x if isinstance(x, str) else number(x) for x in row) + "},")
    print("};")


def quantile(p, df):
    """SciPy's own is good to 1e-9 only: from there to the root of its distribution."""
    near = stats.t.ppf(p, df)
    width = 1e-6 * abs(near)
    return optimize.brentq(lambda t: stats.t.cdf(t, df) - p, near - width, near + width, xtol=1e-15, rtol=1e-15)


def mcnemar():
    pairs = [(6, 0), (8, 1), (10, 2), (12, 3), (13, 4), (15, 5), (17, 6), (18, 7), (20, 8), (5, 0), (7, 1),
             (0, 0), (1, 0), (5, 5), (0, 9), (300, 200), (5000, 5200), (51234, 50111)]
    for b, c in pairs:
        m = b + c
        exact = stats.binomtest(b, m).pvalue if m else 1
        mid = min(1, exact - stats.binom.pmf(min(b, c), m, 0.5)) if m and b != c else 1
        if m and b == c:  # half of what was seen, once, from the two overlapping tails
            mid = min(1, 2 * stats.binom.cdf(b, m, 0.5) - stats.binom.pmf(b, m, 0.5))
        yield b, c, exact, mid


def log_likelihood(n, b, c, delta, share):
    total = 0.0
    for count, p in ((b, share + delta), (c, share), (n - b - c, 1 - 2 * share - delta)):
        if count:
            if p <= 0:
                return -math.inf
            total += count * math.log(p)
    return total


def score(n, b, c, delta):
    """Tango's score, its nuisance parameter found by maximising the trinomial likelihood."""
    low, high = max(0.0, -delta), (1 - delta) / 2
    found = optimize.minimize_scalar(lambda s: -log_likelihood(n, b, c, delta, s), bounds=(low, high),
                                     method="bounded", options={"xatol": 1e-13})
    share = found.x
    for end in (low, high):
        if log_likelihood(n, b, c, delta, end) > log_likelihood(n, b, c, delta, share):
            share = end
    variance = n * (2 * share + delta * (1 - delta))
    return (b - c - n * delta) / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, b - c - n * delta)


def tango():
    for n, b, c, confidence in [(100, 12, 3, 0.95), (100, 3, 12, 0.95), (44, 9, 1, 0.95), (100, 0, 0, 0.95),
                                (30, 7, 0, 0.9), (1000, 60, 40, 0.99), (20, 10, 10, 0.95)]:
        z = stats.norm.ppf(0.5 + confidence / 2)
        edge = 1 - 1e-9
        low = optimize.brentq(lambda d: score(n, b, c, d) - z, -edge, (b - c) / n - 1e-9, xtol=1e-12)
        high = optimize.brentq(lambda d: score(n, b, c, d) + z, (b - c) / n + 1e-9, edge, xtol=1e-12)
        yield n, b, c, confidence, low, high


def exact_above(n, b, c, bound):
    """Sum over all outcomes on a dense mesh of the nuisance parameter, within its interval."""
    interval = stats.binomtest(c, n).proportion_ci(1 - 1e-5, method="exact")
    low, high = max(interval.low, -bound), interval.high
    least = score(n, b, c, bound) - 1e-7
    outcomes = [(i, j) for i in range(n + 1) for j in range(n + 1 - i) if score(n, i, j, bound) >= least]
    i, j = np.array([o[0] for o in outcomes]), np.array([o[1] for o in outcomes])
    def probability(share):
        gain = min(share + bound, 1 - share)
        p = stats.multinomial.pmf(np.stack([i, j, n - i - j], axis=1), n,
                                  [max(gain, 0), max(share, 0), max(0, 1 - gain - share)])
        return float(np.sum(p))

    mesh = np.linspace(low, high, 2001)
    values = [probability(share) for share in mesh]
    best, step = mesh[int(np.argmax(values))], mesh[1] - mesh[0]
    most = max(max(values), max(probability(share) for share in
                                np.linspace(max(low, best - step), min(high, best + step), 1001)))
    return min(1, most + 1e-5)


def above():
    for n, b, c, bound in [(30, 2, 3, -0.1), (30, 2, 1, -0.1), (40, 0, 0, -0.05), (40, 6, 2, 0.03),
                           (25, 1, 6, -0.1), (40, 0, 0, 0.05), (20, 20, 0, 0.5), (32, 0, 31, -0.01),
                           (30, 2, 20, -0.5)]:
        yield n, b, c, bound, exact_above(n, b, c, bound)


def clusters():
    rng = np.random.default_rng(5)
    groups = [list(np.round(rng.normal(m, 1, size), 3)) for m, size in
              zip(rng.normal(0.3, 1, 12), rng.integers(1, 6, 12))]
    values = np.concatenate(groups)
    n, g = len(values), len(groups)
    mean = values.mean()
    plain = values.std(ddof=1) / math.sqrt(n)
    # The sandwich of an intercept-only regression, as matrices.
    x, meat = np.ones((n, 1)), 0
    start = 0
    for group in groups:
        r = (np.array(group) - mean).reshape(-1, 1)
        xg = x[start:start + len(group)]
        meat = meat + xg.T @ r @ r.T @ xg
        start += len(group)
    bread = np.linalg.inv(x.T @ x)
    error = math.sqrt((bread @ meat @ bread)[0, 0] * g / (g - 1))
    half = error * stats.t.ppf(0.975, g - 1)
    print("\nstatic const double cluster_values[] = {" + ", ".join(number(v) for v in values) + "};")
    print("static const double cluster_sizes[] = {" + ", ".join(str(len(k)) for k in groups) + "};")
    table("cluster_mean", "double mean, error, design_effect, low, high;",
          [(mean, error, error**2 / plain**2, mean - half, mean + half)])
    t = stats.ttest_1samp(values, 0.1, alternative="greater")
    interval = stats.t.interval(0.95, n - 1, mean, plain)
    table("plain_mean", "double error, low, high, p_above_tenth;", [(plain, *interval, t.pvalue)])


def flips():
    cases = [[1.5, -0.5, 2.0, 0.25], [0.1, 0.2, 0.3, -0.4, 0.5, 0.6, 0.7, 0.8], [1, 1, 1, 1, 1, 1], [0, 0, 2, 0],
             [-3, -2, -1, 4, -5, -6, -7, -8.5, -9, 10]]
    for values in cases:
        seen = abs(sum(values)) - 1e-9
        total = [abs(sum(s * v for s, v in zip(signs, values)))
                 for signs in itertools.product((-1, 1), repeat=len(values))]
        filled = list(values) + [0] * (10 - len(values))
        yield (str(len(values)), "{" + ", ".join(number(v) for v in filled) + "}",
               sum(t >= seen for t in total) / len(total))


def discordant():
    prior = stats.beta(0.5, 0.5)
    for b, c in [(0, 0), (3, 0), (0, 3), (12, 3), (20, 8), (60, 40), (40, 60)]:
        def ratio(q):
            return math.exp(b * math.log(q) + c * math.log(1 - q) + (b + c) * math.log(2)) * prior.pdf(q)
        lower = integrate.quad(ratio, 0, 0.5, epsabs=0, epsrel=1e-12, limit=400)[0]
        upper = integrate.quad(ratio, 0.5, 1, epsabs=0, epsrel=1e-12, limit=400)[0]
        yield b, c, math.log(lower + upper), math.log(2 * upper)


def main():
    print(f"/* Written by make_stats_values.py with SciPy {scipy.__version__}: not for editing. */")
    print("#include <math.h>\n#include <stddef.h>")
    table("t_quantiles", "double p, df, t;",
          [(p, df, quantile(p, df)) for p in (0.6, 0.9, 0.975, 0.995, 0.025, 1e-6)
           for df in (1, 2, 3.5, 10, 99, 1e5)])
    table("clopper_pearson", "size_t hits, n; double confidence, low, high;",
          [(str(k), str(n), c, *stats.binomtest(k, n).proportion_ci(c, method="exact"))
           for k, n, c in [(0, 10, .95), (10, 10, .95), (2, 100, .95), (31, 100, .99), (500, 1000, .9),
                           (1, 100000, .95)]])
    table("mcnemar", "size_t gained, lost; double exact, mid;",
          [(str(b), str(c), e, m) for b, c, e, m in mcnemar()])
    table("tango", "size_t n, gained, lost; double confidence, low, high;",
          [(str(n), str(b), str(c), q, lo, hi) for n, b, c, q, lo, hi in tango()])
    table("above", "size_t n, gained, lost; double bound, p;",
          [(str(n), str(b), str(c), d, p) for n, b, c, d, p in above()])
    clusters()
    table("sign_flips", "size_t n; double values[10], p;", flips())
    table("discordant", "size_t gained, lost; double two_sided, one_sided;",
          [(str(b), str(c), t, o) for b, c, t, o in discordant()])


main()
