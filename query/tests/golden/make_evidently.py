"""Writes what Evidently prints, for tests/it/golden_samples.rs.

    python3 -m venv VENV && VENV/bin/pip install -r requirements-evidently.txt && VENV/bin/python make_evidently.py

Samples, floats as strings and when to run it: see make_golden.py.
"""

import json
import warnings

import numpy as np
import pandas as pd
from evidently.legacy.calculations.stattests import hellinger_stat_test, jensenshannon_stat_test, kl_div_stat_test
from evidently.legacy.calculations.stattests import psi_stat_test, wasserstein_stat_test
from evidently.legacy.calculations.stattests.registry import get_stattest
from evidently.legacy.core import ColumnType
from make_golden import HERE, count_pairs, made, listed, sample, sample_pairs

warnings.simplefilter("ignore")


def printed(test, reference, current, kind):
    """Copies, since the Hellinger distance changes what it is given."""
    found = get_stattest(reference, current, kind, test)
    return repr(float(found(reference.copy(), current.copy(), kind, 0.1).drift_score))


def peer_pairs():
    """Those whose figures numpy's histograms have room for."""
    pairs = sample_pairs()
    for name in ("tiny", "subnormal", "huge", "huge and tiny", "near neighbours", "one and one, equal", "the same"):
        del pairs[name]
    for i in range(6):
        pairs[f"more {i}"] = (made(300 + i, 400 * (i + 1), 1, 10), made(400 + i, 5000 - 700 * i, 1 + i / 10, 10 + i / 10))
    pairs["twenty values"] = (listed(list(range(20)) * 3), listed([3, 3, 7, 19, 21]))
    pairs["twenty-one values"] = (listed(list(range(21)) * 3), listed([3, 3, 7, 19, 21]))
    return pairs


def small_counts():
    return {name: pair for name, pair in count_pairs().items() if sum(pair[0]) + sum(pair[1]) < 10**6 and name != "one bin"}


def evidently():
    for name, (reference, current) in peer_pairs().items():
        r, c = pd.Series(sample(reference)), pd.Series(sample(current))
        score = lambda test: printed(test, r, c, ColumnType.Numerical)
        yield {"name": name, "reference": reference, "current": current, "psi": score(psi_stat_test),
               "kl_divergence": score(kl_div_stat_test), "js_distance": score(jensenshannon_stat_test),
               "hellinger": score(hellinger_stat_test), "wasserstein": score(wasserstein_stat_test)}


def evidently_counts():
    for name, (reference, current) in small_counts().items():
        r, c = (pd.Series(np.repeat([f"c{i}" for i in range(len(x))], x)) for x in (reference, current))
        score = lambda test: printed(test, r, c, ColumnType.Categorical)
        yield {"name": name, "reference": reference, "current": current, "psi": score(psi_stat_test),
               "kl_divergence": score(kl_div_stat_test), "js_distance": score(jensenshannon_stat_test),
               "hellinger": score(hellinger_stat_test)}


def main():
    for make in (evidently, evidently_counts):
        cases = list(make())
        assert len(cases) >= 30, (make.__name__, len(cases))
        lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
        (HERE / f"{make.__name__}.json").write_text(f"[\n{lines}\n]\n")
        print(make.__name__, len(cases))


if __name__ == "__main__":
    main()
