"""Writes the golden values of the two-sample statistics that tests/it/golden_samples.rs compares.

    python3 -m venv VENV && VENV/bin/pip install -r requirements-two-samples.txt && VENV/bin/python make_two_samples.py

Samples, floats as strings and when to run it: see make_golden.py. The oracle is scipy; where scipy loses digits, the
same definition in whole numbers, fractions or many digits, which is held against scipy as far as that reaches.
"""

import json
import math
import warnings
from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
from make_golden import HERE, count_pairs, js_exact, large_pairs, listed, made, sample, sample_pairs, uniforms
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

SEED = 41260
mpmath.mp.dps = 60
warnings.simplefilter("ignore")


def text(value):
    return None if value is None else repr(float(value))


def outcome(statistic, p, degrees=None):
    return {"statistic": text(statistic), "p_value": text(p), "degrees_of_freedom": text(degrees)}


def near(ours, scipys, relative=1e-9, absolute=1e-12):
    """Whether scipy is near enough to what stands in the file for us to believe both."""
    assert math.isclose(float(ours), float(scipys), rel_tol=relative, abs_tol=absolute), (ours, scipys)
    return ours


# ---- counts in shared bins -----------------------------------------------------------------------------------------


def table_pairs():
    rng = np.random.default_rng(SEED)
    pairs = count_pairs() | {
        "two by two of statistics.md": ([10, 20], [15, 15]),
        "two by three of statistics.md": ([10, 20, 30], [15, 15, 30]),
        "one each": ([1, 0], [0, 1]),
        "two by two, equal": ([5, 5], [10, 10]),
        "two by two, nearly as expected": ([10, 20], [10, 21]),
        "rare bins": ([100, 50, 2, 1, 1, 0], [90, 60, 1, 3, 0, 2]),
        "all bins rare": ([2, 1, 1], [1, 2, 1]),
        "one rare bin": ([100, 80, 1], [90, 95, 2]),
        "far tail": ([10000, 100], [9000, 2000]),
        "many bins": (rng.poisson(50, 500).tolist(), rng.poisson(50, 500).tolist()),
    }
    return pairs


def kl_exact(r, c):
    r, c = zip(*[(a, b) for a, b in zip(r, c) if a or b])
    def filled(counts):
        shares = [Decimal(x) / sum(counts) if x else Decimal(1e-4) for x in counts]
        return [share / sum(shares) for share in shares]
    return sum(q * (q / p).ln() for q, p in zip(filled(r), filled(c)))


def hellinger_exact(r, c):
    roots = lambda counts: [(Decimal(x) / sum(counts)).sqrt() for x in counts]
    total = sum((a - b) ** 2 for a, b in zip(roots(r), roots(c)))
    return (total / 2).sqrt() if total > Decimal(10) ** -100 else Decimal(0)


def count_distances():
    for name, (r, c) in table_pairs().items():
        q, p = np.array(r, float) / sum(r), np.array(c, float) / sum(c)
        zero = lambda x: np.where(x == 0, 1e-4, x)[(q > 0) | (p > 0)]
        kl = near(kl_exact(r, c), stats.entropy(zero(q), zero(p)), absolute=1e-14)
        total_variation = sum(abs(Fraction(a, sum(r)) - Fraction(b, sum(c))) for a, b in zip(r, c)) / 2
        yield {"name": name, "reference": r, "current": c, "js_divergence": text(js_exact(r, c) ** 2),
               "kl_divergence": text(kl), "hellinger": text(hellinger_exact(r, c)),
               "total_variation": text(near(total_variation, abs(q - p).sum() / 2))}


def expected(r, c):
    n, m = sum(r), sum(c)
    return [(Fraction((a + b) * n, n + m), Fraction((a + b) * m, n + m)) for a, b in zip(r, c)]


def pool_rare(r, c):
    """Bins of which a side expects fewer than 5 become one, which takes in the least of the others if it must."""
    least = [min(pair) for pair in expected(r, c)]
    common = [i for i in range(len(r)) if least[i] >= 5]
    rare = [i for i in range(len(r)) if least[i] < 5]
    if rare and sum(least[i] for i in rare) < 5 and common:
        smallest = min(common, key=lambda i: least[i])
        common.remove(smallest)
        rare.append(smallest)
    groups = [[i] for i in common] + ([rare] if rare else [])
    return [sum(r[i] for i in g) for g in groups], [sum(c[i] for i in g) for g in groups]


def tested(r, c, kind, yates=False):
    kept = [(a, b) for a, b in zip(r, c) if a or b]
    r, c = [a for a, _ in kept], [b for _, b in kept]
    yates = yates and len(r) == 2
    observed = [x for pair in zip(r, c) for x in pair]
    means = [x for pair in expected(r, c) for x in pair]
    if yates:
        moved = [min(Fraction(1, 2), abs(o - e)) * (1 if o < e else -1) for o, e in zip(observed, means)]
        observed = [o + d for o, d in zip(observed, moved)]
    if kind == "chi":
        statistic = sum((o - e) ** 2 / e for o, e in zip(observed, means))
    else:
        decimal = lambda f: Decimal(Fraction(f).numerator) / Decimal(Fraction(f).denominator)
        statistic = 2 * sum(decimal(o) * (decimal(o) / decimal(e)).ln() for o, e in zip(observed, means) if o)
    degrees = len(r) - 1
    p = stats.chi2.sf(float(statistic), degrees) if degrees else 1.0
    scipys = stats.chi2_contingency([r, c], correction=yates, lambda_=None if kind == "chi" else "log-likelihood")
    if max(r + c) < 10**6:
        near(statistic, scipys.statistic, relative=1e-7)
        near(p, scipys.pvalue, relative=1e-7)
    return outcome(max(statistic, 0), p, degrees)


def contingency():
    for name, (r, c) in table_pairs().items():
        yield {"name": name, "reference": r, "current": c, "chi_square": tested(r, c, "chi"),
               "chi_square_yates": tested(r, c, "chi", yates=True), "g_test": tested(r, c, "g"),
               "g_test_yates": tested(r, c, "g", yates=True), "chi_square_pooled": tested(*pool_rare(r, c), "chi"),
               "g_test_pooled": tested(*pool_rare(r, c), "g")}


def psi_threshold():
    for alpha in (1e-12, 1e-6, 0.001, 0.01, 0.05, 0.5, 0.95, 0.999999):
        for bins, n, m in [(2, 1, 1), (3, 100, 100), (10, 1000, 1000), (10, 5000, 200), (21, 10**6, 50), (1025, 10**9, 10**9), (65537, 10**6, 10**6)]:
            value = stats.chi2.isf(alpha, bins - 1) * (1 / n + 1 / m)
            yield {"name": f"{alpha} {bins} {n} {m}", "alpha": repr(alpha), "bins": bins, "n": n, "m": m, "value": text(value)}


def two_by_two():
    rng = np.random.default_rng(SEED + 1)
    tables = [(10, 20, 15, 15), (0, 5, 5, 0), (5, 0, 5, 0), (0, 5, 0, 9), (1, 0, 0, 1), (1, 1, 1, 1), (3, 1, 1, 3), (8, 2, 1, 5),
              (0, 100, 1, 99), (1, 9, 11, 3), (50, 50, 30, 70), (100, 2, 1000, 5), (7, 120, 73, 300), (1000, 9000, 1200, 8800),
              (1, 19999, 12, 19988), (5000, 5000, 5000, 5000), (2, 3, 6, 4), (190, 800, 200, 900), (4000, 16000, 5200, 14800),
              (1, 10, 1000, 20000), (9, 1, 0, 20000), (10000, 10000, 0, 3), (10**6, 10**6, 10**6, 10**6 + 3000), (10**8, 10**8, 10**8 - 30000, 10**8),
              (20000, 3 * 10**8, 20500, 3 * 10**8), (12, 10**9, 40, 10**9), (50000, 10**7, 52000, 10**7)]
    tables += [tuple(int(x) for x in rng.integers(0, [6, 40, 400][i % 3], 4) + (1 if i % 2 else 0)) for i in range(24)]
    return [t for t in tables if t[0] + t[1] and t[2] + t[3]]


def fisher_exact_fraction(a, b, c, d):
    """All tables with these margins, in whole numbers."""
    hits, drawn, total = a + c, a + b, a + b + c + d
    first = max(0, drawn - (b + d))
    ways = math.comb(hits, first) * math.comb(b + d, drawn - first)
    counts = {}
    for x in range(first, min(hits, drawn) + 1):
        counts[x] = ways
        ways = ways * (hits - x) * (drawn - x) // ((x + 1) * (total - hits - drawn + x + 1))
    return Fraction(sum(w for w in counts.values() if w <= counts[a]), math.comb(total, drawn))


def fisher_in_digits(a, b, c, d):
    """The same for tables too large to go through, in floats of 60 digits, to where terms no longer count."""
    hits, drawn, total = a + c, a + b, a + b + c + d
    first, last = max(0, drawn - (b + d)), min(hits, drawn)
    up = lambda x: mpmath.mpf((hits - x) * (drawn - x)) / ((x + 1) * (total - hits - drawn + x + 1))
    mode = min(max((hits + 1) * (drawn + 1) // (total + 2), first), last)
    found = mpmath.mpf(1)
    for x in range(min(a, mode), max(a, mode)):
        found = found * up(x) if a > mode else found / up(x)
    likely = all_ways = mpmath.mpf(0)
    for step in (1, -1):
        x = mode if step == 1 else mode - 1
        ways = mpmath.mpf(1) if step == 1 else 1 / up(x) if x >= first else mpmath.mpf(0)
        while first <= x <= last and ways > mpmath.mpf(10) ** -40:
            all_ways += ways
            likely += ways if ways <= found * (1 + mpmath.mpf(10) ** -30) else 0
            ways, x = (ways * up(x), x + 1) if step == 1 else (ways / up(x - 1) if x > first else mpmath.mpf(0), x - 1)
    return likely / all_ways


def proportions():
    for a, b, c, d in two_by_two():
        n, m = a + b, c + d
        difference = Fraction(c, m) - Fraction(a, n)
        share = Fraction(a + c, n + m)
        square = difference**2 / (share * (1 - share) * (Fraction(1, n) + Fraction(1, m))) if difference else 0
        z = math.copysign(float(mpmath.sqrt(mpmath.mpf(square.numerator) / square.denominator)), difference) if square else 0.0
        p = float(mpmath.erfc(abs(z) / mpmath.sqrt(2)))
        fisher = (fisher_exact_fraction if n + m < 10**5 else fisher_in_digits)(a, b, c, d)
        near(fisher, stats.fisher_exact([[a, b], [c, d]]).pvalue, relative=1e-7 if n + m < 10**5 else 1e-5)
        yield {"name": f"{a} {b} {c} {d}", "reference": [a, b], "current": [c, d], "z": outcome(z, p), "fisher": text(fisher)}


# ---- values --------------------------------------------------------------------------------------------------------


def value_pairs():
    rng = np.random.default_rng(SEED + 2)
    with_nan = lambda values: listed([math.nan] + list(values) + [math.nan, math.nan])
    pairs = sample_pairs() | {
        "NaN left out": (with_nan([1, 4, 2, 2.5]), with_nan([3, 9, 4])),
        "NaN in between": (with_nan(rng.normal(0, 1, 60)), with_nan(rng.normal(0.3, 1, 45))),
        "two and two": (listed([1, 2]), listed([1.5, 7])),
        "twenty and twenty": (made(61, 20), made(62, 20, 1.4, 0.3)),
        "nineteen and twenty": (made(63, 19), made(64, 20, 1, 0.6)),
        "twenty, ties": (made(65, 20, 2, 0, 0.5), made(66, 17, 2, 0.2, 0.5)),
        "twenty-one and four": (made(67, 21), made(68, 4, 1, 1)),
        "eight and nine": (made(69, 8), made(70, 9, 1, 0.5)),
        "eight and two thousand": (made(71, 8, 1, 0.4), made(72, 2000)),
        "three and five thousand": (made(73, 5000), made(74, 3, 1, 0.9)),
        "far apart": (made(75, 500), made(76, 600, 1, 1.2)),
        "far offset": (made(77, 300, 1, 1e9), made(78, 400, 1, 1e9 + 0.1)),
        "far tail": (made(79, 3000), made(80, 3000, 1, 0.25)),
        "spread only": (made(81, 2000), made(82, 2500, 1.3)),
        "20000 against 1": (made(83, 20000), listed([0.3])),
        "20000 against 20000": (made(84, 20000), made(85, 20000, 1.01, 0.005)),
        "20000 against 15000, ties": (made(86, 20000, 1, 0, 0.25), made(87, 15000, 1, 0.01, 0.25)),
    }
    return pairs | {k: v for k, v in large_pairs().items() if k.startswith("10000 against 10000")}


def fractions(values):
    """Whole multiples of one power of two, which count and sum fast."""
    exact = [Fraction(float(v)) for v in values]
    denominator = max(f.denominator for f in exact)
    return [int(f * denominator) for f in exact], denominator


def exact_moments(values):
    """Count, mean and sum of squared distances from the mean, as fractions."""
    whole, denominator = fractions(values)
    n, total, squares = len(whole), sum(whole), sum(v * v for v in whole)
    return n, Fraction(total, n * denominator), Fraction(squares * n - total * total, n * denominator**2)


def root(fraction):
    return mpmath.sqrt(mpmath.mpf(fraction.numerator) / fraction.denominator)


def quotient(fraction):
    return mpmath.mpf(fraction.numerator) / fraction.denominator


def incomplete_beta(a, b, x):
    return mpmath.betainc(a, b, 0, x, regularized=True)


def welch(r, c):
    if min(len(r), len(c)) < 2:
        return None
    (n, mean_r, squares_r), (m, mean_c, squares_c) = exact_moments(r), exact_moments(c)
    error_r, error_c = squares_r / (n * (n - 1)), squares_c / (m * (m - 1))
    error = error_r + error_c
    if not error:
        return None
    t = quotient(mean_c - mean_r) / root(error)
    degrees = quotient(error**2 / (error_r**2 / (n - 1) + error_c**2 / (m - 1)))
    p = 2 * stats.t.sf(abs(float(t)), float(degrees))
    if 1e-100 < np.var(r) < 1e100 and abs(mean_r) < 1e6 * np.std(r):
        found = stats.ttest_ind(c, r, equal_var=False)
        near(t, found.statistic)
        near(p, found.pvalue, relative=1e-8)
    return outcome(t, p, degrees)


def levene(r, c, center):
    sides = []
    for values in (r, c):
        exact = sorted(Fraction(float(v)) for v in values)
        middle = (exact[(len(exact) - 1) // 2] + exact[len(exact) // 2]) / 2
        at = middle if center == "median" else sum(exact) / len(exact)
        away = [abs(v - at) for v in exact]
        mean = sum(away) / len(away)
        sides.append((len(away), mean, sum((v - mean) ** 2 for v in away)))
    (n, mean_r, squares_r), (m, mean_c, squares_c) = sides
    within = squares_r + squares_c
    if not within or n + m < 3:
        return None
    statistic = (n + m - 2) * Fraction(n * m, n + m) * (mean_c - mean_r) ** 2 / within
    p = stats.f.sf(float(statistic), 1, n + m - 2)
    if 1e-100 < np.var(r) < 1e100 and min(n, m) > 2 and abs(np.mean(r)) < 1e3:
        found = stats.levene(r, c, center=center)
        near(statistic, found.statistic, relative=1e-7)
        near(p, found.pvalue, relative=1e-7)
    return outcome(statistic, p, n + m - 2)


def limit_survival(x):
    """1 less Anderson and Darling's series, in so many digits that the least tail has enough of them."""
    if x < 0.003:
        return mpmath.mpf(1)
    if x > 151:
        return mpmath.mpf(0)  # Below exp(-x pi²/2) and any double.
    with mpmath.workdps(60 + int(5 * x)):
        x = mpmath.mpf(x)
        total, k = mpmath.mpf(0), 0
        while True:
            odd = 4 * k + 1
            q = odd**2 / (16 * x)
            term = (mpmath.gamma(k + 0.5) / (mpmath.gamma(k + 1) * mpmath.pi**1.5 * mpmath.sqrt(x)) * mpmath.sqrt(odd)
                    * mpmath.exp(-q) * mpmath.besselk(mpmath.mpf(1) / 4, q))
            total, k = total + term, k + 1
            if term < mpmath.mpf(10) ** -(mpmath.mp.dps - 5):
                return max(1 - total, mpmath.mpf(0))


def squares_apart(points, n, m):
    """The squared distances of the distribution functions; ties have the mean of that before and after them."""
    before = total = Fraction(0)
    for _, a, b, below_r, below_c in points:
        after = (Fraction(below_r + a, n) - Fraction(below_c + b, m)) ** 2
        total += (a + b) * (before + after) / 2
        before = after
    return total


def exact_share(score, n, m):
    """The share of paths whose score is at least the one found: paths by score, point by point."""
    common = math.gcd(n, m)
    a, b = m // common, n // common
    column = [{} for _ in range(n + 1)]
    for v in range(m + 1):
        for u in range(n + 1):
            paths = dict(column[u]) if v else {}
            if u:
                for key, count in column[u - 1].items():
                    paths[key] = paths.get(key, 0) + count
            if not u and not v:
                paths = {0: 1}
            step = (a * u - b * v) ** 2
            column[u] = {key + step: count for key, count in paths.items()}
    return Fraction(sum(count for key, count in column[n].items() if key >= score), math.comb(n + m, n))


def cramer_limit(statistic, n, m):
    size = n + m
    variance = Fraction((size + 1) * (4 * m * n * size - 3 * (m * m + n * n) - 2 * m * n), 45 * size**2 * 4 * m * n)
    return limit_survival(mpmath.mpf(1) / 6 + quotient(statistic - Fraction(size + 1, 6 * size)) / mpmath.sqrt(45 * quotient(variance)))


def cramer(r, c):
    n, m = len(r), len(c)
    if min(n, m) < 2:
        return None
    values, place = np.unique(np.concatenate([r, c]), return_inverse=True)
    a, b = np.bincount(place[:n], minlength=len(values)), np.bincount(place[n:], minlength=len(values))
    points = zip(values, a.tolist(), b.tolist(), (np.cumsum(a) - a).tolist(), (np.cumsum(b) - b).tolist())
    squares = squares_apart(points, n, m)
    statistic = squares * n * m / (n + m) ** 2
    p = exact_share(squares * math.lcm(n, m) ** 2, n, m) if max(n, m) <= 20 else cramer_limit(statistic, n, m)
    if len(values) == n + m:
        found = stats.cramervonmises_2samp(r, c)
        near(statistic, found.statistic, absolute=1e-11)
        near(p, found.pvalue, relative=1e-9 if max(n, m) <= 20 else 1e-6, absolute=2e-7 if max(n, m) > 20 else 0)
    return outcome(statistic, p)


def anderson(r, c):
    if len(r) + len(c) < 4 or len(np.unique(np.concatenate([r, c]))) < 2:
        return None
    found = stats.anderson_ksamp([r, c], variant="midrank")
    p = anderson_p(found.statistic)
    if 0.325 <= found.statistic <= 6.546:
        p = near(found.pvalue, p)
    return outcome(found.statistic, p)


def anderson_p(statistic):
    """scipy's parabola, carried on; above the last critical value the straight line of the limiting tail."""
    chances = np.log([0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001])
    critical = [0.325, 1.226, 1.961, 2.718, 3.752, 4.592, 6.546]
    curve = np.polyfit(critical, chances, 2)
    last = critical[-1]
    slope = -math.sqrt(2 * (math.pi**2 - 9) / 3)
    ln = np.polyval(curve, min(statistic, last)) + slope * max(statistic - last, 0)
    return min(1.0, math.exp(ln))


def values():
    for name, (reference, current) in value_pairs().items():
        r, c = sample(reference), sample(current)
        r, c = r[~np.isnan(r)], c[~np.isnan(c)]
        unit = 2.0 ** math.frexp(max(abs(r).max(), abs(c).max(), 1e-310))[1] if abs(r).max() > 1e-300 or abs(c).max() > 1e-300 else 2.0**-1030
        deviation = np.std(r / unit)
        wasserstein = stats.wasserstein_distance(r / unit, c / unit)
        mwu = stats.mannwhitneyu(c, r)
        yield {"name": name, "reference": reference, "current": current, "wasserstein": text(wasserstein * unit),
               "wasserstein_scaled": text(wasserstein / deviation) if len(np.unique(r)) > 1 else None,
               "energy": text(stats.energy_distance(r / unit, c / unit) * math.sqrt(unit)),
               "anderson_darling": anderson(r, c), "cramer_von_mises": cramer(r, c),
               "mann_whitney": outcome(mwu.statistic, mwu.pvalue), "welch_t": welch(r, c),
               "levene_median": levene(r, c, "median"), "levene_mean": levene(r, c, "mean")}


# ---- many values in few points -----------------------------------------------------------------------------------


def counted_pairs():
    """Buckets of up to some hundred million values a side, which no oracle takes as rows."""
    rng = np.random.default_rng(SEED + 4)
    pairs = {
        "coins": ([(0, 10**8), (1, 10**8)], [(0, 10**8 - 20000), (1, 10**8 + 20000)]),
        "coins, far apart": ([(0, 10**8), (1, 10**8)], [(0, 10**8 - 80000), (1, 10**8 + 80000)]),
        "coins, the same": ([(0, 10**8), (1, 10**8)], [(0, 10**7), (1, 10**7)]),
        "one against many": ([(0, 10**8), (1, 10**8)], [(0.5, 2), (1, 3)]),
        "infinities": ([(-math.inf, 5), (0, 70), (math.inf, 9)], [(-math.inf, 6), (0, 80), (math.inf, 30)]),
    }
    for i in range(30):
        size, points = 10 ** int(rng.integers(2, 9)), int(rng.integers(3, 60))
        at = np.sort(rng.normal(0, 1, points))
        weight = np.exp(-at * at / 2)
        shifted = np.exp(-((at - 3 / math.sqrt(size) * (i % 3)) ** 2) / 2)
        r = rng.multinomial(size, weight / weight.sum())
        c = rng.multinomial(int(size * rng.uniform(0.2, 2)) + 2, shifted / shifted.sum())
        pairs[f"random {i}"] = tuple([(float(a), int(k)) for a, k in zip(at, counts) if k] for counts in (r, c))
    return pairs


def pooled(r, c):
    """Distinct values with the counts of both sides and of what is below."""
    below_r = below_c = 0
    for value in sorted({v for v, _ in r + c}):
        a, b = sum(k for v, k in r if v == value), sum(k for v, k in c if v == value)
        yield value, a, b, below_r, below_c
        below_r, below_c = below_r + a, below_c + b


def counted_moments(points):
    n = sum(k for _, k in points)
    mean = sum(Fraction(v) * k for v, k in points) / n
    return n, mean, sum((Fraction(v) - mean) ** 2 * k for v, k in points)


def counted_welch(r, c):
    (n, mean_r, squares_r), (m, mean_c, squares_c) = counted_moments(r), counted_moments(c)
    error_r, error_c = squares_r / (n * (n - 1)), squares_c / (m * (m - 1))
    error = error_r + error_c
    degrees = error**2 / (error_r**2 / (n - 1) + error_c**2 / (m - 1))
    t = quotient(mean_c - mean_r) / root(error)
    # The tail as an integral in short steps: mpmath's series takes too long at such degrees.
    nu = quotient(degrees)
    density = lambda x: mpmath.exp(-(nu + 1) / 2 * mpmath.log1p(x * x / nu) + mpmath.loggamma((nu + 1) / 2)
                                   - mpmath.loggamma(nu / 2)) / mpmath.sqrt(nu * mpmath.pi)
    if abs(t) > 40:
        p = 0
    elif abs(t) < 3:
        p = 1 - 2 * mpmath.quad(density, [0, abs(t)])
    else:
        ends = [abs(t) + step / abs(t) for step in (0, 1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 90)]
        p = 2 * mpmath.quad(density, ends + [mpmath.inf] if nu < 1000 else ends)
    return outcome(t, p, degrees)


def counted_levene(r, c):
    sides = []
    for points in (r, c):
        ranks = np.cumsum([k for _, k in points])
        n = int(ranks[-1])
        at = lambda rank: Fraction(points[int(np.searchsorted(ranks, rank, side="right"))][0])
        middle = (at((n - 1) // 2) + at(n // 2)) / 2
        sides.append(counted_moments([(abs(Fraction(v) - middle), k) for v, k in points]))
    (n, mean_r, squares_r), (m, mean_c, squares_c) = sides
    if not squares_r + squares_c:
        return None
    f = (n + m - 2) * Fraction(n * m, n + m) * (mean_c - mean_r) ** 2 / (squares_r + squares_c)
    return outcome(f, stats.f.sf(float(f), 1, n + m - 2), n + m - 2)


def counted_ranks(r, c):
    """Mann-Whitney (normal law), Anderson-Darling and Cramér-von Mises from their definitions, in whole numbers."""
    n, m = sum(k for _, k in r), sum(k for _, k in c)
    size = n + m
    won = Fraction(0)
    distance = ties = 0
    for _, a, b, below_r, below_c in pooled(r, c):
        tied, below = a + b, below_r + below_c
        won += b * (below_r + Fraction(a, 2))
        ties += tied**3 - tied
        middle = below + Fraction(tied, 2)
        distance += tied * (size * (below_r + Fraction(a, 2)) - middle * n) ** 2 / (middle * (size - middle) - Fraction(size * tied, 4))
    spread = Fraction(n * m, 12) * (size + 1 - Fraction(ties, size * (size - 1)))
    above = max(won, n * m - won) - Fraction(n * m + 1, 2)
    p = min(mpmath.mpf(1), mpmath.erfc(quotient(above) / root(spread) / mpmath.sqrt(2)))
    cvm = squares_apart(pooled(r, c), n, m) * n * m / size**2
    return {"mann_whitney": outcome(float(won), p), "cramer_von_mises": outcome(cvm, cramer_limit(cvm, n, m)),
            "anderson_darling": counted_anderson(n, m, Fraction(distance) * (size - 1) / size**2 * (Fraction(1, n) + Fraction(1, m)))}


def counted_anderson(n, m, squared):
    """The variance by Scholz and Stephens' sums, of which g is known in closed form; see anderson_darling.rs."""
    size, sizes = mpmath.mpf(n + m), mpmath.mpf(1) / n + mpmath.mpf(1) / m
    h = mpmath.harmonic(size - 1)
    g = mpmath.zeta(2) - mpmath.zeta(2, size) - 2 * h / size
    k = 2
    a = (4 * g - 6) * (k - 1) + (10 - 6 * g) * sizes
    b = (2 * g - 4) * k**2 + 8 * h * k + (2 * g - 14 * h - 4) * sizes - 8 * h + 4 * g - 6
    c = (6 * h + 2 * g - 2) * k**2 + (4 * h - 4 * g + 6) * k + (2 * h - 6) * sizes + 4 * h
    d = (2 * h + 6) * k**2 - 4 * h * k
    variance = (a * size**3 + b * size**2 + c * size + d) / ((size - 1) * (size - 2) * (size - 3))
    statistic = float((quotient(squared) - (k - 1)) / mpmath.sqrt(variance))
    return outcome(statistic, anderson_p(statistic))


def counted():
    for name, (r, c) in counted_pairs().items():
        finite = all(math.isfinite(v) for v, _ in r + c)
        case = {"name": name, "reference": [[repr(float(v)), k] for v, k in r], "current": [[repr(float(v)), k] for v, k in c]}
        gaps = list(pooled(r, c))
        n, m = sum(k for _, k in r), sum(k for _, k in c)
        apart = [abs(Fraction(x[3] + x[1], n) - Fraction(x[4] + x[2], m)) for x in gaps]
        if finite:
            width = [Fraction(b[0]) - Fraction(a[0]) for a, b in zip(gaps, gaps[1:])]
            area = sum(d * w for d, w in zip(apart, width))
            case |= {"wasserstein": text(area), "energy": text(root(2 * sum(d * d * w for d, w in zip(apart, width)))),
                     "wasserstein_scaled": text(quotient(area) / root(counted_moments(r)[2] / n)),
                     "welch_t": counted_welch(r, c), "levene_median": counted_levene(r, c)}
        yield case | counted_ranks(r, c)


# ---- p values of many tests ----------------------------------------------------------------------------------------


def holm_adjusted(p):
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate(np.array(p, float)[order] * np.arange(len(p), 0, -1))
    result = np.empty(len(p))
    result[order] = np.minimum(adjusted, 1)
    return result


def multiplicity():
    rng = np.random.default_rng(SEED + 3)
    lists = [[0.5], [0.0], [1.0], [0.01, 0.04], [0.04, 0.01, 0.03], [0.05] * 4, [1e-300, 1e-12, 0.5], [0.0, 0.0, 1.0, 1.0]]
    lists += [np.round(rng.random(int(rng.integers(1, 60))) ** rng.integers(1, 6), [3, 17][i % 2]).tolist() for i in range(30)]
    for i, p in enumerate(lists):
        yield {"name": f"list {i}", "p_values": [repr(float(x)) for x in p],
               "benjamini_hochberg": [text(x) for x in stats.false_discovery_control(p, method="bh")],
               "holm": [text(x) for x in holm_adjusted(p)], "bonferroni": [text(min(1.0, x * len(p))) for x in p]}


# ---- vectors -------------------------------------------------------------------------------------------------------


def vectors_of(seed, rows, dimension, scale=1.0, shift=0.0):
    """Rows of single precision: bells as in `sample()`, of which the first component is shifted."""
    u = uniforms(seed, 3 * rows * dimension)
    bell = ((u[0::3] + u[1::3]) + (u[2::3] - 1.5)) * scale
    table = bell.reshape(rows, dimension)
    table[:, 0] += shift
    return table.astype(np.float32)


class Random:
    """random.rs, number by number."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        mask = 2**64 - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    def choose(self, values, count):
        for place in range(min(count, len(values))):
            chosen = place + (self.next() * (len(values) - place) >> 64)
            values[place], values[chosen] = values[chosen], values[place]


def mmd(r, c, permutations, seed):
    n, m = len(r), len(c)
    if min(n, m) < 2:
        return None, None
    pool = np.concatenate([r, c]).astype(float)
    squares = ((pool[:, None, :] - pool[None, :, :]) ** 2).sum(2)
    within = np.sort(squares[:n, :n][np.triu_indices(n, 1)])
    width = within[(len(within) - 1) // 2]
    if width == 0:
        return None, None
    kernel = np.exp(-squares / width)
    np.fill_diagonal(kernel, 0)

    def discrepancy(order):
        k = kernel[np.ix_(order, order)]
        return k[:n, :n].sum() / (n * (n - 1)) + k[n:, n:].sum() / (m * (m - 1)) - 2 * k[:n, n:].sum() / (n * m)

    order, random = list(range(n + m)), Random(seed)
    found, reached = discrepancy(order), 0
    for _ in range(permutations):
        random.choose(order, n)
        reached += discrepancy(order) >= found - 1e-12
    return found, (reached + 1) / (permutations + 1)


def classifier_auc(r, c, seed):
    if min(len(r), len(c)) < 2:
        return None
    random, taught, judged = Random(seed), [], []
    for rows, label in ((r, 0), (c, 1)):
        rows = list(rows)
        random.choose(rows, len(rows))
        taught += [(row, label) for row in rows[:len(rows) // 2]]
        judged += [(row, label) for row in rows[len(rows) // 2:]]
    table = np.array([row for row, _ in taught], float)
    mean, deviation = table.mean(0), table.std(0)
    scaled = lambda rows: (rows - mean) * np.where(deviation > 1e-12 * abs(mean), 1 / np.where(deviation > 0, deviation, 1), 0)
    model = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-13, max_iter=1000)
    model.fit(scaled(table), [label for _, label in taught])
    scores = model.decision_function(scaled(np.array([row for row, _ in judged], float)))
    return roc_auc_score([label for _, label in judged], scores)


def drifted(r, c):
    r, c = r.astype(float), c.astype(float)
    distance = lambda i: stats.wasserstein_distance(r[:, i], c[:, i]) / np.std(r[:, i])
    constant = lambda i: len(np.unique(np.concatenate([r[:, i], c[:, i]]))) > 1
    share = [constant(i) if len(np.unique(r[:, i])) == 1 else distance(i) >= 0.1 for i in range(r.shape[1])]
    return sum(share) / len(share)


def vectors():
    cases = [(2, 2, 1, 1, 0), (5, 7, 2, 1, 0), (1, 5, 3, 1, 0), (40, 40, 1, 1, 0.5), (60, 50, 3, 1, 0), (60, 50, 3, 1, 1),
             (100, 80, 8, 1, 0), (100, 80, 8, 1, 0.4), (100, 100, 16, 1.5, 0), (30, 200, 4, 1, 0.8), (200, 30, 4, 1, 0.8),
             (80, 80, 64, 1, 0.5), (50, 50, 128, 1, 0), (50, 50, 128, 1.1, 0), (64, 64, 5, 1e-6, 0), (64, 64, 5, 1000, 0)]
    cases += [(20 + 3 * i, 60 - 2 * i, 1 + i, 1 + (i % 3) / 5, (i % 4) / 4) for i in range(16)]
    for i, (n, m, dimension, scale, shift) in enumerate(cases):
        r, c = vectors_of(500 + i, n, dimension), vectors_of(700 + i, m, dimension, scale, shift)
        permutations, seed = 49, 1000 + i
        squared, p = mmd(r, c, permutations, seed)
        mean_r, mean_c = r.astype(float).mean(0), c.astype(float).mean(0)
        cosine = 1 - mean_r @ mean_c / (np.linalg.norm(mean_r) * np.linalg.norm(mean_c))
        yield {"name": f"{n} {m} of {dimension}, scale {scale}, shift {shift}", "dimension": dimension,
               "reference": {"seed": 500 + i, "rows": n, "scale": "1.0", "shift": "0.0"},
               "current": {"seed": 700 + i, "rows": m, "scale": repr(float(scale)), "shift": repr(float(shift))},
               "seed": seed, "permutations": permutations, "mmd": text(squared), "p_value": text(p),
               "euclidean": text(np.linalg.norm(mean_c - mean_r)), "cosine": text(cosine),
               "classifier_auc": text(classifier_auc(r, c, seed)), "drifted": text(drifted(r, c))}


def main():
    for make in (count_distances, contingency, psi_threshold, proportions, values, counted, multiplicity, vectors):
        cases = list(make())
        assert len(cases) >= 30, (make.__name__, len(cases))
        lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
        (HERE / f"{make.__name__}.json").write_text(f"[\n{lines}\n]\n")
        print(make.__name__, len(cases))


if __name__ == "__main__":
    main()
