"""Writes the golden values that tests/it/golden_series.rs compares forecasts and change points with.

    python3 -m venv VENV && VENV/bin/pip install -r requirements-series.txt && VENV/bin/python make_series.py

The oracles are statsmodels and ruptures. Series are described as in streams.py; a forecast's is the sum of its pieces.
"""

import json
import math
import pathlib
import warnings

import numpy as np
import pandas
import ruptures
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.holtwinters import ExponentialSmoothing

from streams import bell, cycle, piece, stream

HERE = pathlib.Path(__file__).parent
HORIZON = 15
warnings.simplefilter("ignore")


def texts(values):
    return [repr(float(value)) for value in values]


# ---- forecasts -----------------------------------------------------------------------------------------------------


def start(values, m):
    """The state before the first row, by the rule that fit.rs documents."""
    if m == 0:
        slope, at_zero = np.polyfit(np.arange(1, 11), values[:10], 1)
        return at_zero, slope, []
    first, second = values[:m], values[m:2 * m]
    trend = (second.mean() - first.mean()) / m
    level = first.mean() - trend * (m + 1) / 2
    line = level + trend * np.arange(1, 2 * m + 1)
    return level, trend, (values[:2 * m] - line).reshape(2, m).mean(axis=0)


def forecast_cases():
    shapes = {0: [0], 4: [3, -1, 0, -2], 7: [0, 1, 2, 5, 2, 1, -4], 12: [i % 5 - 2 for i in range(12)]}
    smoothings = [(0.3, 0.1, 0.1, 0.9), (0.8, 0.5, 0.15, 0.98), (0.05, 0.01, 0.3, 0.8), (0.5, 0.2, 0.0, 0.95)]
    for i in range(32):
        m = (0, 4, 7, 12)[i % 4]
        n = 60 + 7 * i
        scale, shift, slope = 10.0 ** (i % 5 - 2), (0, 100, -5)[i % 3], (0, 0.05, -0.02)[(i // 2) % 3]
        pieces = [bell(300 + i, n, scale, shift, 0, slope), cycle(n, *shapes[m])]
        yield f"{i}: {n} rows, season {m}", pieces, m, smoothings[(i // 4) % 4]


def holt_winters(values, m, state, **bounds):
    level, trend, season = state
    known = {"initial_seasonal": season, "seasonal": "add", "seasonal_periods": m} if m else {}
    return ExponentialSmoothing(values, trend="add", damped_trend=True, initialization_method="known",
                                initial_level=level, initial_trend=trend, **known, **bounds)


def intervals(values, m, state, smoothing):
    """By the state space of the same model; its trend learns by the product of ours and the level's."""
    level, trend, season = state
    alpha, beta, gamma, phi = smoothing
    known = {"initial_seasonal": season, "seasonal": "add", "seasonal_periods": m} if m else {}
    model = ETSModel(pandas.Series(values), error="add", trend="add", damped_trend=True, initialization_method="known",
                     initial_level=level, initial_trend=trend, **known)
    found = model.smooth([alpha, alpha * beta] + ([gamma] if m else []) + [phi])
    return found.get_prediction(start=len(values), end=len(values) + HORIZON - 1).summary_frame(alpha=0.1)


def forecast():
    for name, pieces, m, smoothing in forecast_cases():
        values = sum(piece(spec) for spec in pieces)
        state = start(values, m)
        alpha, beta, gamma, phi = smoothing
        season = {"smoothing_seasonal": gamma} if m else {}
        same = holt_winters(values, m, state).fit(smoothing_level=alpha, smoothing_trend=beta, damping_trend=phi,
                                                  optimized=False, **season)
        frame = intervals(values, m, state, smoothing)
        # Holt-Winters' own forecast leaves the season's part of the last row as it was before that row.
        stale = [step for step in range(HORIZON) if m and step % m == m - 1]
        apart = np.delete(np.asarray(frame["mean"]) - same.forecast(HORIZON), stale)
        assert np.abs(apart).max() <= 1e-9 * np.abs(values).max(), name
        fitted = holt_winters(values, m, state, bounds={"damping_trend": (0.8, 0.98)}).fit(method="SLSQP")
        yield {"name": name, "pieces": pieces, "season": m, "smoothing": texts(smoothing), "level": repr(float(state[0])),
               "trend": repr(float(state[1])), "parts": texts(state[2]), "squares": repr(float(same.sse)),
               "values": texts(frame["mean"]), "lows": texts(frame["pi_lower"]), "highs": texts(frame["pi_upper"]),
               "fitted_squares": repr(float(fitted.sse))}


# ---- change points -------------------------------------------------------------------------------------------------


def noise(values):
    """The deviation of the noise, as cost.rs documents it."""
    distances = np.abs(np.diff(values))
    median = np.median(distances) / 0.6744897501960817
    return (median if median > 0 else math.sqrt(np.mean(distances**2))) / math.sqrt(2)


def changepoints():
    for i in range(36):
        steps = [bell(400 + 10 * i + k, 20 + 13 * ((i + k) % 5), 1, (k * 7 % 5) * (0.5 + i % 3), (0, 0, 0.5)[i % 3])
                 for k in range(1 + i % 7)]
        values = np.array(stream(steps))
        rows_min, penalty = (1, 2, 5)[i % 3], (None, 14.0, 40.0)[(i // 3) % 3]
        pen = 2 * math.log(len(values)) if penalty is None else penalty
        # Every last segment is tried, none pruned: its own Pelt forgets cuts where segments have a least length.
        found = exact(values, rows_min, pen * noise(values) ** 2)
        yield {"name": f"{i}: {len(values)} rows", "pieces": steps, "rows_min": rows_min,
               "penalty": None if penalty is None else repr(penalty), "starts": found}


def exact(values, rows_min, pen):
    """The best of ruptures' best cuts into any number of segments."""
    search = ruptures.Dynp(model="l2", min_size=rows_min, jump=1).fit(values)
    best = None
    for changes in range(0, min(16, len(values) // rows_min - 1)):
        ends = search.predict(n_bkps=changes) if changes else [len(values)]
        total = search.cost.sum_of_costs(ends) + pen * changes
        if best is None or total < best[0]:
            best = (total, ends[:-1])
    assert len(best[1]) < 15
    return best[1]


def main():
    for make in (forecast, changepoints):
        cases = list(make())
        assert len(cases) >= 30, (make.__name__, len(cases))
        lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
        (HERE / f"{make.__name__}.json").write_text(f"[\n{lines}\n]\n")
        print(make.__name__, len(cases))


if __name__ == "__main__":
    main()
