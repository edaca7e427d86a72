"""Writes the golden values that tests/it/golden.rs compares the statistics with.

    python3 -m venv VENV && VENV/bin/pip install -r requirements.txt && VENV/bin/python make_golden.py

The JSON beside this file is committed, so that the tests need no oracle. Run again only with new cases or a new
oracle, and read the difference. Every float is a string in Python's `repr`, which is exact; a JSON number need not be.

Long samples are not written out but as {seed, n, scale, shift, grid}: `sample()` here and `Sample` in golden.rs make
the same doubles of it, by integer arithmetic and correctly rounded operations only.
"""

import json
import math
import pathlib
import warnings
from decimal import Decimal, getcontext
from fractions import Fraction

import numpy as np
from scipy import stats
from scipy.spatial.distance import jensenshannon
from scipy.stats import _stats_py
from sklearn import metrics

HERE = pathlib.Path(__file__).parent
SEED = 20260
getcontext().prec = 60
warnings.simplefilter("ignore")


# ---- samples -------------------------------------------------------------------------------------------------------


def uniforms(seed, n):
    """splitmix64, its upper 53 bits as a double in [0, 1)."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def made(seed, n, scale=1.0, shift=0.0, grid=0.0):
    return {"seed": seed, "n": n, "scale": repr(float(scale)), "shift": repr(float(shift)), "grid": repr(float(grid))}


def listed(values):
    return {"values": [repr(float(v)) for v in values]}


def sample(spec):
    """The values of a sample: a sum of three uniforms (a bell), scaled and shifted; with a grid, rounded down to it."""
    if "values" in spec:
        return np.array([float(v) for v in spec["values"]])
    scale, shift, grid = (float(spec[key]) for key in ("scale", "shift", "grid"))
    u = uniforms(spec["seed"], 3 * spec["n"])
    bell = (u[0::3] + u[1::3]) + (u[2::3] - 1.5)
    values = bell * scale + shift
    return np.floor(values / grid) * grid if grid else values


STATISTICS_MD_X = [1, 2, 2, 3, 5, 8]
STATISTICS_MD_Y = [2, 3, 3, 4, 9, 10, 11]


def sample_pairs():
    """Named pairs of samples that between them have every trouble we know of."""
    rng = np.random.default_rng(SEED)
    pairs = {
        "six and seven with ties": (listed(STATISTICS_MD_X), listed(STATISTICS_MD_Y)),
        "the same": (listed([1, 2, 3]), listed([1, 2, 3])),
        "one and one, equal": (listed([5]), listed([5])),
        "one and one, apart": (listed([5]), listed([6])),
        "one against many": (listed([0.5]), made(1, 50)),
        "many against one": (made(1, 50), listed([0.25])),
        "disjoint": (listed([1, 2, 3, 4]), listed([10, 11, 12])),
        "disjoint, exchanged": (listed([10, 11, 12]), listed([1, 2, 3, 4])),
        "constant and the same constant": (listed([7] * 5), listed([7] * 9)),
        "constant and another": (listed([7] * 5), listed([8] * 9)),
        "constant and spread": (listed([0] * 40), made(2, 60)),
        "mostly zeros and fewer zeros": (listed([0] * 95 + [1, 2, 3, 4, 5]), listed([0] * 50 + [1, 2] * 25)),
        "signed zeros": (listed([-0.0, 0.0, 1.0]), listed([0.0, -0.0, -1.0])),
        "negative": (made(3, 100, 5, -20), made(4, 120, 5, -21)),
        "tiny": (made(5, 80, 1e-300), made(6, 90, 1e-300, 2e-301)),
        "subnormal": (listed([5e-324, 1e-323, 1.5e-323, 0]), listed([5e-324, 2e-323])),
        "huge": (made(7, 80, 1e300), made(8, 90, 1e300, 3e299)),
        "huge and tiny": (listed([1e300, 1e-300, -1e300, 0, 1]), listed([1e300, 1e-300, 2])),
        "near neighbours": (listed([1.0, 1.0 + 2**-52, 1.0 + 2**-51]), listed([1.0, 1.0 + 2**-52])),
        "coarse grid": (made(9, 500, 2, 0, 0.5), made(10, 700, 2, 0.25, 0.5)),
        "booleans": (listed([0] * 30 + [1] * 70), listed([0] * 55 + [1] * 45)),
        "equal sizes": (made(11, 200), made(12, 200, 1.0, 0.1)),
        "scale drift": (made(13, 300), made(14, 300, 1.5)),
        "one outlier": (listed(list(range(50)) + [1e6]), listed(range(10, 60))),
        "600 against 900": (made(15, 600), made(16, 900, 1.1, 0.05)),
        "1000 against 1000": (made(17, 1000), made(18, 1000, 1, 0.2)),
    }
    for i in range(8):
        n, m = int(rng.integers(2, 40)), int(rng.integers(2, 40))
        grid = [0, 0.25][i % 2]
        pairs[f"random {i}"] = (made(100 + i, n, 1, 0, grid), made(200 + i, m, 1 + i / 10, i / 20, grid))
    return pairs


def large_pairs():
    return {
        "10000 against 10000": (made(21, 10000), made(22, 10000, 1.0, 0.01)),
        "10000 against 10000, ties": (made(21, 10000, 1, 0, 0.125), made(22, 10000, 1, 0.03, 0.125)),
        "10000 against 9999": (made(23, 10000), made(24, 9999, 1.02)),
        "10001 against 10001": (made(25, 10001), made(26, 10001, 1.0, 0.01)),
        "10001 against 10": (made(27, 10001), made(28, 10)),
        "10001 against 500": (made(29, 10001), made(30, 500, 1, 0.3)),
        "50001 against 20000": (made(31, 50001), made(32, 20000, 1, 0.01)),
    }


# ---- one file a function -------------------------------------------------------------------------------------------


def ks_statistic():
    for name, (r, c) in (sample_pairs() | large_pairs()).items():
        found = stats.ks_2samp(sample(r), sample(c), method="auto")
        yield {"name": name, "reference": r, "current": c, "statistic": repr(float(found.statistic)),
               "p_value": repr(float(found.pvalue))}


def exact_square_p(h, n):
    """The share of paths that leave the band, in whole numbers: two samples of n values, distance h / n."""
    signed = sum((-1) ** (k + 1) * math.comb(2 * n, n - k * h) for k in range(1, n // h + 1))
    return float(Fraction(2 * signed, math.comb(2 * n, n)))


def auto_p(d, n, m):
    """The p value of scipy.stats.ks_2samp(method='auto') for a statistic instead of samples, by its own parts."""
    if max(n, m) <= 10000:
        success, _, p = _stats_py._attempt_exact_2kssamp(n, m, math.gcd(n, m), d, "two-sided")
        if success:
            return float(np.clip(p, 0, 1))
        # Rounding took it above 1, and scipy goes on with another law: here the exact value is the better oracle.
        assert n == m, (d, n, m)
        return exact_square_p(round(d * n), n)
    large, small = sorted([float(n), float(m)], reverse=True)
    return float(np.clip(stats.kstwo.sf(d, np.round(large * small / (large + small))), 0, 1))


def ks_pvalue():
    sizes = [(1, 1), (1, 2), (2, 1), (1, 100), (3, 5), (6, 7), (7, 7), (10, 100), (12, 18), (50, 50), (97, 101),
             (140, 150), (1000, 1000), (999, 1000), (5000, 10000), (10000, 10000), (10000, 9999), (2, 10000)]
    for n, m in sizes:
        lcm = n * m // math.gcd(n, m)
        for share in (0, 1e-9, 0.002, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 1):
            d = round(share * lcm) / lcm
            yield {"name": f"exact {n} {m} {share}", "statistic": repr(d), "n": n, "m": m,
                   "p_value": repr(auto_p(d, n, m))}
    # Sizes whose effective size falls on each side of every switch between formulas: 140, 1e5, 1e6 values.
    sizes = [(10001, 1), (10001, 2), (10001, 20), (10001, 141), (10001, 142), (10001, 143), (20000, 300),
             (10001, 10001), (50001, 20000), (200000, 200000), (210000, 200000), (10**6, 10**6), (2 * 10**6, 10**6),
             (2 * 10**6, 2 * 10**6 + 9), (10**8, 10**7), (10**9, 10**9)]
    for n, m in sizes:
        en = round(n * m / (n + m))
        roots = (0.05, 0.3, 0.5, 0.868, 0.869, 1.0, 1.2, 1.48, 1.484, 1.6, 1.99, 2.01, 3.0, 6.0, 12.0, 19.2, 19.3)
        for d in sorted({min(1.0, z / math.sqrt(en)) for z in roots} | {0.0, 0.4 / en, 0.5, 0.75, 1 / en, 1.0,
                        (1.39 / en) ** (2 / 3), (1.41 / en) ** (2 / 3)}):
            if d <= 1:
                yield {"name": f"one-sample law {n} {m} {d:.6g}", "statistic": repr(d), "n": n, "m": m,
                       "p_value": repr(auto_p(d, n, m))}


def count_pairs():
    rng = np.random.default_rng(SEED + 1)
    pairs = {
        "shares of statistics.md": ([2, 3, 5, 0], [1, 4, 4, 1]),
        "letters of statistics.md": ([50, 30, 20, 0], [30, 30, 20, 5]),
        "the same": ([1, 2, 3], [1, 2, 3]),
        "the same shares": ([1, 2, 3], [10, 20, 30]),
        "one bin": ([5], [9]),
        "disjoint": ([5, 0], [0, 9]),
        "vanished category": ([10, 20, 30], [10, 20, 0]),
        "new category": ([10, 20, 0], [10, 20, 30]),
        "empty in both": ([10, 0, 20], [20, 0, 10]),
        "single counts": ([1, 0, 0], [0, 0, 1]),
        "rare against none": ([999999, 1], [1000000, 0]),
        "share at the floor": ([9999, 1], [9999, 1]),
        "huge counts": ([2**60, 2**60, 2**61], [2**61, 2**60, 2**60]),
        "huge against tiny": ([2**62, 2**40], [1, 3]),
        "nearly the same": ([10**9, 10**9], [10**9 + 1, 10**9 - 1]),
        "nearly the same, many": ([10**6] * 50, [10**6 + i % 3 for i in range(50)]),
        "ten equal bins": ([100] * 10, [90, 95, 99, 100, 100, 101, 102, 103, 104, 106]),
    }
    for i in range(20):
        k = int(rng.integers(2, 40))
        r = rng.multinomial(int(rng.integers(10, 100000)), rng.dirichlet(np.ones(k)))
        c = rng.multinomial(int(rng.integers(10, 100000)), rng.dirichlet(np.ones(k) * (1 + i)))
        pairs[f"random {i}"] = (r.tolist(), c.tolist())
    return pairs


def psi_of(r, c):
    q, p = np.array(r, float) / sum(r), np.array(c, float) / sum(c)
    q, p = np.where(q == 0, 1e-4, q), np.where(p == 0, 1e-4, p)
    return float(math.fsum((p - q) * np.log(p / q)))


def psi():
    for name, (r, c) in count_pairs().items():
        yield {"name": name, "reference": r, "current": c, "psi": repr(psi_of(r, c))}


def js_exact(r, c):
    """The distance in 60 digits. scipy's own loses half of its digits where the samples are nearly alike."""
    def bits(x, mid):
        return x * (x / mid).ln() / Decimal(2).ln() if x else Decimal(0)
    total = Decimal(0)
    for a, b in zip(r, c):
        p, q = Decimal(a) / sum(r), Decimal(b) / sum(c)
        total += bits(p, (p + q) / 2) + bits(q, (p + q) / 2)
    return float((max(total, Decimal(0)) / 2).sqrt()) if total > Decimal(10) ** -50 else 0.0


def js():
    for name, (r, c) in count_pairs().items():
        exact, scipys = js_exact(r, c), float(jensenshannon(r, c, base=2))
        assert abs(exact - scipys) < (1e-9 if exact > 1e-4 or exact == 0 else 5e-8), (name, exact, scipys)
        yield {"name": name, "reference": r, "current": c, "js_distance": repr(exact)}


def keys(values):
    """The bits as integers in the order of the numbers: those below zero negated."""
    bits = (np.asarray(values, float) + 0.0).view(np.int64)
    return np.where(bits < 0, -(bits & np.int64(2**63 - 1)), bits)


def of_keys(keys):
    return np.where(keys < 0, -keys | np.int64(-(2**63)), keys).view(np.float64)


def lattice_floor(values):
    """The lower edge of each value's bucket: exponent and 7 bits of the fraction of the order-preserving integer."""
    ordered = keys(values) >> np.int64(45) << np.int64(45)
    return of_keys(ordered), ordered


def above(edge, exact):
    if exact:
        return np.nextafter(edge, np.inf)
    return float(of_keys(lattice_floor([edge])[1] + np.int64(1 << 45))[0])


def bins_of(r, c, bins):
    """Quantile edges of the reference, once each; one that occurs several times is followed by the next number."""
    exact = max(len(np.unique(r)), len(np.unique(c))) <= 1024
    at = np.quantile(r, [i / bins for i in range(1, bins)]) + 0.0
    at = at if exact else lattice_floor(at)[0]
    edges = []
    for edge in np.unique(at):
        heavy = np.sum(at == edge) > 1 or r.min() == r.max()
        edges += [edge] + ([above(edge, exact)] if heavy else [])
    edges = np.unique(np.array(edges, float))
    count = lambda x: np.bincount(np.searchsorted(edges, x, side="right"), minlength=len(edges) + 1).tolist()
    return count(r), count(c)


def binning():
    # On the lattice (n - 1) is a multiple of the bins, so that each quantile is a number of the sample, not between two.
    on_lattice = {
        "lattice, bell": (made(41, 5001), made(42, 4000, 1.1, 0.1)),
        "lattice, positive": (made(43, 5001, 10, 100), made(44, 3000, 10, 101)),
        "lattice, exact current": (made(45, 5001, 3), listed([0, 1, 2, 2, -1])),
        "exact reference, lattice current": (made(46, 1001, 3, 0, 0.25), made(47, 3000, 3)),
        "lattice, huge": (made(48, 2001, 1e300), made(49, 2000, 1.2e300)),
        "lattice, one heavy bucket": (made(50, 3001, 0.001, 1.02), made(51, 3000, 0.01, 1)),
    }
    for name, (r, c) in (sample_pairs() | on_lattice).items():
        for bins in (10,) if name in on_lattice else (1, 2, 4, 10, 20):
            reference, current = bins_of(sample(r), sample(c), bins)
            yield {"name": f"{name}, {bins} bins", "bins": bins, "reference": r, "current": c,
                   "reference_counts": reference, "current_counts": current, "psi": repr(psi_of(reference, current))}


def percentile():
    specs = {name: pair[0] for name, pair in (sample_pairs() | large_pairs()).items()}
    for name, spec in specs.items():
        qs = [0, 1e-9, 0.001, 0.01, 0.05, 0.1, 0.25, 1 / 3, 0.5, 0.6, 0.75, 0.9, 0.95, 0.99, 0.999, 1]
        values = np.quantile(sample(spec), qs)
        yield {"name": name, "sample": spec, "q": [repr(float(q)) for q in qs], "value": [repr(float(v)) for v in values]}


def labels():
    rng = np.random.default_rng(SEED + 2)
    cases = {
        "all right": ([0, 1, 1], [0, 1, 1]), "all wrong": ([0, 1], [1, 0]), "one row": ([1], [1]),
        "one row, wrong": ([1], [0]), "no positives": ([0, 0, 0], [0, 0, 0]), "none predicted": ([1, 0, 1], [0, 0, 0]),
        "all predicted": ([1, 0, 1], [1, 1, 1]), "no positive label": ([0, 0], [1, 0]),
        "rare": ([1] + [0] * 999, [1] + [0] * 998 + [1]),
    }
    for i in range(25):
        n = int(rng.integers(2, 2000))
        label = rng.random(n) < rng.random()
        cases[f"random {i}"] = (label.astype(int).tolist(), (label ^ (rng.random(n) < 0.3)).astype(int).tolist())
    return cases


def quality():
    for name, (label, prediction) in labels().items():
        tn, fp, fn, tp = metrics.confusion_matrix(label, prediction, labels=[0, 1]).ravel().tolist()
        yield {"name": name, "confusion": [tp, fp, fn, tn],
               "accuracy": repr(float(metrics.accuracy_score(label, prediction))),
               "precision": repr(float(metrics.precision_score(label, prediction, zero_division=0))),
               "recall": repr(float(metrics.recall_score(label, prediction, zero_division=0))),
               "f1": repr(float(metrics.f1_score(label, prediction, zero_division=0)))}


def roc_auc():
    rng = np.random.default_rng(SEED + 3)
    cases = {
        "perfect": ([0.1, 0.2, 0.8], [0, 0, 1]), "reversed": ([0.9, 0.1], [0, 1]), "all tied": ([0.5] * 4, [0, 1, 1, 0]),
        "some tied": ([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1]), "one positive": ([3, 1, 2], [0, 1, 0]),
        "signed zeros": ([-0.0, 0.0, 1.0], [1, 0, 1]), "huge": ([1e300, -1e300, 1e299], [1, 0, 0]),
        "tiny": ([1e-300, 2e-300, 0], [0, 1, 0]), "near neighbours": ([1.0, 1.0 + 2**-52], [0, 1]),
    }
    for i in range(25):
        n = int(rng.integers(5, 300))
        label = np.concatenate([[True, False], rng.random(n - 2) < rng.uniform(0.02, 0.98)])
        score = np.round(rng.normal(label * rng.uniform(0, 2), 1), [1, 6][i % 2])
        cases[f"random {i}"] = (score.tolist(), label.astype(int).tolist())
    for name, (score, label) in cases.items():
        yield {"name": name, "scores": [repr(float(s)) for s in score], "positives": [bool(l) for l in label],
               "roc_auc": repr(float(metrics.roc_auc_score(label, score)))}


def main():
    for make in (ks_statistic, ks_pvalue, psi, js, binning, percentile, quality, roc_auc):
        cases = list(make())
        assert len(cases) >= 30, (make.__name__, len(cases))
        lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
        (HERE / f"{make.__name__}.json").write_text(f"[\n{lines}\n]\n")
        print(make.__name__, len(cases))


if __name__ == "__main__":
    main()
