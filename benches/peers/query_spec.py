"""What is asked: each query's draws, its bound, and what is to be reached. Its SQL lies in queries/NAME/SYSTEM.sql.

Placeholders: {table} is DuckDB's layout, {hosts} quoted names, {start} and {end} a window to the second, {model}, {id};
{edges J COLUMN: TEXT} is TEXT for each edge of the column's baseline, the edge in the place of @, joined by J;
{shares COLUMN} are the baseline's shares between these edges.
"""

import random
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Callable, Optional

HERE = Path(__file__).resolve().parent / "queries"
START = datetime(2026, 1, 1)
HOUR = 3_600
# Seconds that each workload spans.
TSBS_SPAN, PREDICTIONS_SPAN = 6 * HOUR, 7 * 24 * HOUR
MODELS = ["churn", "fraud", "ranker"]
FEATURES = ["amount", "age", "tenure", "credit", "velocity", "distance", "ratio", "embedding_norm"]


@dataclass(frozen=True)
class Size:
    hosts: int
    predictions: int


@dataclass(frozen=True)
class Query:
    workload: str
    draw: Callable[[random.Random, Size], dict]
    # Columns that tell the rows of an answer apart, by place.
    keys: int
    # The better peer's time divided by ours is to be so much.
    reach: float = 1.0
    # Doubles may differ by so much, relative; and, where it is not 0, absolute.
    relative: float = 1e-9
    absolute: float = 0.0
    # The query whose exact answers are what this one approaches.
    exact: Optional[str] = None

    @property
    def approximate(self):
        return self.exact is not None or self.absolute > 0


def window(rng, span, seconds):
    start = START + timedelta(seconds=rng.randrange(span - seconds + 1))
    return {"start": str(start), "end": str(start + timedelta(seconds=seconds))}


def hosts(count, seconds):
    def draw(rng, size):
        names = ", ".join(f"'host_{host}'" for host in sorted(rng.sample(range(size.hosts), min(count, size.hosts))))
        return {"hosts": names, **window(rng, TSBS_SPAN, seconds)}

    return draw


def all_hosts(seconds):
    return lambda rng, size: window(rng, TSBS_SPAN, seconds)


def nothing(rng, size):
    return {}


def model_and_day(rng, size):
    return {"model": rng.choice(MODELS), **window(rng, PREDICTIONS_SPAN, 24 * HOUR)}


def prediction(rng, size):
    return {"id": f"p{rng.randrange(size.predictions)}"}


# The names' last part was 12 hours in TSBS, and cpu-max-all's window 8; the data have 6, so these are cut to 3.
QUERIES = {
    "single-groupby-1-1-1": Query("tsbs", hosts(1, HOUR), 1),
    "single-groupby-1-1-12": Query("tsbs", hosts(1, 3 * HOUR), 1),
    "single-groupby-1-8-1": Query("tsbs", hosts(8, HOUR), 1),
    "single-groupby-5-1-1": Query("tsbs", hosts(1, HOUR), 1),
    "single-groupby-5-1-12": Query("tsbs", hosts(1, 3 * HOUR), 1),
    "single-groupby-5-8-1": Query("tsbs", hosts(8, HOUR), 1),
    "cpu-max-all-1": Query("tsbs", hosts(1, 3 * HOUR), 1),
    "cpu-max-all-8": Query("tsbs", hosts(8, 3 * HOUR), 1),
    "double-groupby-1": Query("tsbs", all_hosts(3 * HOUR), 2),
    "double-groupby-5": Query("tsbs", all_hosts(3 * HOUR), 2),
    "double-groupby-all": Query("tsbs", all_hosts(3 * HOUR), 2),
    "high-cpu-1": Query("tsbs", hosts(1, 3 * HOUR), 2),
    "high-cpu-all": Query("tsbs", all_hosts(3 * HOUR), 2),
    "groupby-orderby-limit": Query("tsbs", all_hosts(HOUR), 1),
    "lastpoint": Query("tsbs", nothing, 2, reach=10),
    "lastpoint-fields": Query("tsbs", nothing, 2, reach=10),
    "lastpoint-one-field": Query("tsbs", nothing, 2, reach=10),
    "p1": Query("predictions", nothing, 3),
    "p2": Query("predictions", nothing, 3, reach=20, relative=0.03, exact="p1"),
    "p3": Query("predictions", nothing, 2),
    "p4": Query("predictions", nothing, 2),
    "p5": Query("predictions", model_and_day, 1),
    "p6": Query("predictions", nothing, 2, reach=20, absolute=0.001),
    "p7": Query("predictions", prediction, 4),
}


def draws(name, seed, size, count):
    """The first is the warm-up's. They depend on the seed and the name alone, so every system gets the same."""
    rng = random.Random(f"{seed}/{name}")
    return [QUERIES[name].draw(rng, size) for _ in range(count)]


def statement(name, system, values, baseline):
    """The SQL of a query as `system` gets it; `baseline` has edges and shares by column."""
    text = (HERE / name / f"{system}.sql").read_text()

    def edges(match):
        joiner, column, item = match.groups()
        return f"{joiner} ".join(item.replace("@", repr(edge)) for edge in baseline[column]["edges"])

    text = re.sub(r"\{edges (\S) (\w+): ([^}]*)\}", edges, text)
    text = re.sub(r"\{shares (\w+)\}", lambda m: ", ".join(map(repr, baseline[m[1]]["shares"])), text)
    return re.sub(r"\{(\w+)\}", lambda m: values[m[1]], text).strip()
