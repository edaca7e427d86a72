"""Writes what NannyML prints, for tests/it/golden_samples.rs.

    python3 -m venv VENV && VENV/bin/pip install -r requirements-nannyml.txt && VENV/bin/python make_nannyml.py

Samples, floats as strings and when to run it: see make_golden.py.
"""

import json
import warnings

import numpy as np
import pandas as pd
from make_golden import HERE, count_pairs, listed, made, sample, sample_pairs
from nannyml.chunk import DefaultChunker
from nannyml.drift.univariate import methods
from nannyml.thresholds import StandardDeviationThreshold

warnings.simplefilter("ignore")


def printed(method, reference, current):
    """What the method makes of the rows as one chunk. Its thresholds, over chunks of the reference, are left out."""
    found = method(chunker=DefaultChunker(), threshold=StandardDeviationThreshold())
    found._fit(pd.Series(reference))
    return repr(float(found.calculate(pd.Series(current))))


def peer_pairs():
    """Those whose figures numpy's histograms have room for."""
    pairs = sample_pairs()
    for name in ("tiny", "subnormal", "huge", "huge and tiny", "near neighbours"):
        del pairs[name]
    for i in range(6):
        pairs[f"more {i}"] = (made(300 + i, 400 * (i + 1), 1, 10), made(400 + i, 5000 - 700 * i, 1 + i / 10, 10 + i / 10))
    pairs["skewed"] = (listed(np.exp(sample(made(310, 300, 2)))), listed(np.exp(sample(made(311, 200, 2.2)))))
    return pairs


def small_counts():
    return {name: pair for name, pair in count_pairs().items() if sum(pair[0]) + sum(pair[1]) < 10**6}


def nannyml():
    for name, (reference, current) in peer_pairs().items():
        r, c = sample(reference), sample(current)
        yield {"name": name, "reference": reference, "current": current,
               "js_distance": printed(methods.ContinuousJensenShannonDistance, r, c),
               "hellinger": printed(methods.ContinuousHellingerDistance, r, c)}


def nannyml_counts():
    for name, (reference, current) in small_counts().items():
        r, c = (np.repeat([f"c{i}" for i in range(len(x))], x) for x in (reference, current))
        yield {"name": name, "reference": reference, "current": current,
               "js_distance": printed(methods.CategoricalJensenShannonDistance, r, c),
               "hellinger": printed(methods.CategoricalHellingerDistance, r, c)}


def main():
    for make in (nannyml, nannyml_counts):
        cases = list(make())
        assert len(cases) >= 30, (make.__name__, len(cases))
        lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
        (HERE / f"{make.__name__}.json").write_text(f"[\n{lines}\n]\n")
        print(make.__name__, len(cases))


if __name__ == "__main__":
    main()
