"""Writes the golden signals that tests/it/golden_streams.rs compares the detectors of streams with.

    python3 -m venv VENV && VENV/bin/pip install -r requirements-river.txt && VENV/bin/python make_streams.py

river is the oracle, for CUSUM (which it lacks) a few lines here. A stream is a list of pieces, one after the other (see
streams.py). Signals are ranges of rows, both ends in.
"""

import json
import math
import pathlib
import random
import statistics

from river import drift

from streams import bell, cycle, errors, stream

HERE = pathlib.Path(__file__).parent

# ---- streams -------------------------------------------------------------------------------------------------------


def value_streams():
    streams = {
        "one row": [cycle(1, 5)], "ten rows": [bell(1, 10)], "29 rows": [bell(2, 29)], "31 rows": [bell(3, 31)],
        "99 rows": [bell(4, 99)], "100 rows and a step": [bell(5, 100), bell(6, 20, 1, 9)],
        "constant": [cycle(400, 7)], "zeros": [cycle(400, 0)], "constant and a step": [cycle(300, 7), cycle(300, 8)],
        "constant and noise": [cycle(200, 1), bell(7, 300, 1, 1)], "one spike": [cycle(200, 0), cycle(1, 1e6), cycle(300, 0)],
        "no change": [bell(8, 2000)], "no change, wide": [bell(9, 1500, 100)], "no change, grid": [bell(10, 1000, 2, 0, 0.5)],
        "step up": [bell(11, 700), bell(12, 700, 1, 1)], "step down": [bell(13, 700), bell(14, 700, 1, -1)],
        "small step": [bell(15, 1500), bell(16, 1500, 1, 0.25)], "large step": [bell(17, 200, 1, 0), bell(18, 200, 1, 50)],
        "large step down": [bell(19, 200, 1, 90), bell(20, 200, 1, -50)], "step and back": [bell(21, 400), bell(22, 400, 1, 2), bell(23, 400)],
        "five steps": [bell(30 + i, 250, 1, (i * 7 % 5) * 3) for i in range(5)],
        "ramp up": [bell(40, 500), bell(41, 1000, 1, 0, 0, 0.005)], "ramp down": [bell(42, 1500, 1, 0, 0, -0.01)],
        "ramp from the start": [bell(43, 800, 0.1, 0, 0, 0.1)], "wider": [bell(44, 600), bell(45, 600, 3)],
        "narrower": [bell(46, 600, 3), bell(47, 600, 0.3)], "grid and a step": [bell(48, 500, 2, 0, 0.25), bell(49, 500, 2, 1, 0.25)],
        "alternating": [cycle(1000, -1, 1)], "alternating, wider": [cycle(500, -1, 1), cycle(500, -9, 9)],
        "a cycle of seven": [cycle(700, 0, 1, 3, 6, 3, 1, 0), cycle(700, 0, 2, 6, 12, 6, 2, 0)],
        "tiny": [bell(50, 500, 1e-300), bell(51, 500, 1e-300, 3e-300)], "huge": [bell(52, 500, 1e300), bell(53, 500, 1e300, 3e300)],
        "large": [bell(54, 500, 1e100), bell(55, 500, 1e100, 2e100)], "far from zero": [bell(56, 500, 1, 1e9), bell(57, 500, 1, 1e9 + 2)],
        "zeros and ones": [errors(58, 1000, 0.1), errors(59, 1000, 0.5)], "counts": [bell(60, 800, 9, 20, 1), bell(61, 800, 9, 23, 1)],
    }
    return streams


def error_streams():
    streams = {
        "one row": [cycle(1, 1)], "ten rows": [errors(1, 10, 0.5)], "30 rows": [errors(2, 30, 0.3)], "32 rows": [errors(3, 32, 0.3)],
        "no error": [cycle(500, 0)], "all errors": [cycle(500, 1)], "31 right, one wrong": [cycle(31, 0), cycle(1, 1), cycle(200, 0)],
        "30 right, one wrong": [cycle(30, 0), cycle(1, 1), cycle(200, 0)], "right, then wrong": [cycle(200, 0), cycle(200, 1)],
        "wrong, then right": [cycle(200, 1), cycle(200, 0)], "alternating": [cycle(1000, 0, 1)],
        "every tenth": [cycle(1000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)],
        "every tenth, then every third": [cycle(1000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), cycle(500, 0, 0, 1)],
    }
    for i, rate in enumerate((0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 0.95)):
        streams[f"rate {rate}"] = [errors(10 + i, 2000, rate)]
    changes = [(0.01, 0.05), (0.05, 0.1), (0.1, 0.15), (0.1, 0.2), (0.1, 0.3), (0.2, 0.5), (0.3, 0.4), (0.5, 0.7), (0.5, 0.9),
               (0.3, 0.1), (0.5, 0.2), (0.9, 0.5), (0.02, 0.5)]
    for i, (before, after) in enumerate(changes):
        streams[f"rate {before}, then {after}"] = [errors(30 + i, 1000, before), errors(60 + i, 1000, after)]
    streams["slowly more"] = [errors(80 + i, 200, 0.05 + i * 0.03) for i in range(12)]
    streams["better, then worse"] = [errors(100, 700, 0.3), errors(101, 700, 0.1), errors(102, 700, 0.4)]
    streams["a burst"] = [errors(103, 800, 0.1), cycle(20, 1), errors(104, 800, 0.1)]
    return streams


def share_streams():
    """Values between 0 and 1, which the detectors by Hoeffding's bound take as well."""
    return {
        "shares": [bell(110, 1500, 0.2, 0.5)], "shares up": [bell(111, 700, 0.2, 0.4), bell(112, 700, 0.2, 0.6)],
        "shares down": [bell(113, 700, 0.2, 0.6), bell(114, 700, 0.2, 0.3)],
        "shares, ramp": [bell(115, 1500, 0.2, 0.3, 0, 0.0003)], "constant share": [cycle(500, 0.25)],
    }


# ---- signals -------------------------------------------------------------------------------------------------------


def ranges(rows):
    found = []
    for row in rows:
        if found and found[-1][1] == row - 1:
            found[-1][1] = row
        else:
            found.append([row, row])
    return found


def signals(detector, values):
    drifts, warnings = [], []
    for row, value in enumerate(values):
        detector.update(value)
        if detector.drift_detected:
            drifts.append(row)
        elif getattr(detector, "warning_detected", False):
            warnings.append(row)
    return {"drifts": ranges(drifts), "warnings": ranges(warnings)}


def case(name, pieces, detector, **parameters):
    named = {key: value if isinstance(value, (bool, str)) else repr(value) for key, value in parameters.items()}
    return {"name": ", ".join([name] + [f"{key} {value}" for key, value in named.items()]), "pieces": pieces,
            "parameters": {key: str(value).lower() for key, value in named.items()}} | signals(detector(**parameters), stream(pieces))


def cases(detector, streams, variants, varied):
    for name, pieces in streams.items():
        yield case(name, pieces, detector)
    for parameters in variants:
        for name in varied:
            yield case(name, streams[name], detector, **parameters)


VARIED = ("step up", "ramp down", "five steps", "zeros and ones")
VARIED_ERRORS = ("rate 0.1, then 0.3", "rate 0.5, then 0.2", "slowly more", "better, then worse", "rate 0.2")


def adwin():
    variants = [{"delta": 0.2}, {"clock": 1}, {"max_buckets": 2}, {"max_buckets": 9}, {"min_window_length": 1}, {"grace_period": 200}]
    yield from cases(drift.ADWIN, value_streams(), variants, VARIED)


def page_hinkley():
    variants = [{"threshold": 5.0}, {"delta": 0.5}, {"alpha": 0.9}, {"mode": "up", "threshold": 9.0},
                {"mode": "down", "threshold": 9.0}, {"min_instances": 1, "threshold": 2.0}]
    yield from cases(drift.PageHinkley, value_streams(), variants, VARIED)


class Kswin(drift.KSWIN):
    """river's, seeded."""

    def __init__(self, seed=42, **parameters):
        super().__init__(seed=seed, **parameters)


def kswin():
    variants = [{"alpha": 0.0001}, {"alpha": 0.05}, {"seed": 7}, {"seed": 2**40 + 1}, {"window_size": 60, "stat_size": 20},
                {"window_size": 300, "stat_size": 100}]
    for found in cases(Kswin, value_streams(), variants, VARIED):
        named = found["parameters"]
        size, count = int(named.get("window_size", 100)), int(named.get("stat_size", 30))
        draws = random.Random(int(named.get("seed", 42)))
        yield found | {"draws": [draws.sample(range(size - count), count) for _ in range(2)]}


class Cusum:
    """The textbook's: mean and deviation of the first rows, then the two sums; after a detection all anew."""

    def __init__(self, baseline_rows=30, slack=0.5, threshold=5.0):
        self.baseline_rows, self.slack, self.threshold = baseline_rows, slack, threshold
        self.drift_detected, self.baseline, self.high, self.low = False, [], 0.0, 0.0

    def update(self, value):
        if self.drift_detected:
            self.__init__(self.baseline_rows, self.slack, self.threshold)
        if len(self.baseline) < self.baseline_rows:
            self.baseline.append(value)
            return
        # In fractions, and rounded once.
        mean, deviation = statistics.mean(self.baseline), statistics.stdev(self.baseline)
        apart = value - mean
        z = apart / deviation if deviation else math.copysign(math.inf, apart) if apart else 0.0
        self.high = max(0.0, self.high + z - self.slack)
        self.low = max(0.0, self.low - z - self.slack)
        self.drift_detected = max(self.high, self.low) > self.threshold


def cusum():
    variants = [{"threshold": 8.0}, {"slack": 0.25}, {"baseline_rows": 100}, {"baseline_rows": 2, "threshold": 20.0}]
    yield from cases(Cusum, value_streams(), variants, VARIED)


def ddm():
    variants = [{"warm_start": 100}, {"warning_threshold": 1.0, "drift_threshold": 2.0}, {"drift_threshold": 5.0}]
    yield from cases(drift.binary.DDM, error_streams(), variants, VARIED_ERRORS)


def eddm():
    variants = [{"warm_start": 5}, {"warm_start": 100}, {"alpha": 0.99, "beta": 0.95}, {"beta": 0.5}]
    yield from cases(drift.binary.EDDM, error_streams(), variants, VARIED_ERRORS)


def hddm_a():
    variants = [{"two_sided_test": True}, {"drift_confidence": 0.05, "warning_confidence": 0.1}]
    yield from cases(drift.binary.HDDMA, error_streams() | share_streams(), variants, VARIED_ERRORS + ("shares down",))


def hddm_w():
    variants = [{"two_sided_test": True}, {"drift_confidence": 0.05, "warning_confidence": 0.1}, {"lambda_val": 0.01}, {"lambda_val": 0.3}]
    yield from cases(drift.binary.HDDMW, error_streams() | share_streams(), variants, VARIED_ERRORS + ("shares down",))


def main():
    for make in (adwin, page_hinkley, cusum, kswin, ddm, eddm, hddm_a, hddm_w):
        found = list(make())
        detected = sum(1 for one in found if one["drifts"])
        assert len(found) >= 30 and detected >= 10, (make.__name__, len(found), detected)
        lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in found)
        (HERE / f"{make.__name__}.json").write_text(f"[\n{lines}\n]\n")
        print(make.__name__, len(found), "cases,", detected, "with a detection")


if __name__ == "__main__":
    main()
