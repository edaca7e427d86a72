"""Streams that are described and not written out: `stream()` here and `Piece` in golden_streams.rs make the same doubles."""

import numpy as np

from make_golden import uniforms


def bell(seed, n, scale=1.0, shift=0.0, grid=0.0, slope=0.0):
    """A sum of three uniforms, scaled, shifted, moved on by the slope a row, and rounded down to the grid."""
    numbers = {"scale": scale, "shift": shift, "grid": grid, "slope": slope}
    return {"seed": seed, "n": n} | {name: repr(float(number)) for name, number in numbers.items()}


def errors(seed, n, rate):
    return {"seed": seed, "n": n, "rate": repr(float(rate))}


def cycle(n, *values):
    return {"n": n, "cycle": [repr(float(value)) for value in values]}


def piece(spec):
    n = spec["n"]
    if "cycle" in spec:
        values = [float(value) for value in spec["cycle"]]
        return np.array([values[i % len(values)] for i in range(n)])
    if "rate" in spec:
        return (uniforms(spec["seed"], n) < float(spec["rate"])).astype(float)
    scale, shift, grid, slope = (float(spec[key]) for key in ("scale", "shift", "grid", "slope"))
    u = uniforms(spec["seed"], 3 * n)
    values = ((u[0::3] + u[1::3]) + (u[2::3] - 1.5)) * scale + shift + np.arange(n) * slope
    return np.floor(values / grid) * grid if grid else values


def stream(pieces):
    return np.concatenate([piece(spec) for spec in pieces]).tolist()
