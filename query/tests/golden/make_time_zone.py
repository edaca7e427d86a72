"""Writes time_zone.json: where buckets of time begin by the clock of a zone, as Python's zoneinfo has the clocks.

    python3 make_time_zone.py

Needs Python 3.11 and the system's zone data, nothing else. Each bucket is found by looking at the clock minute by minute,
so nothing here is shared with the code that is tested but the meaning. A case is [zone, months, minutes, time, start,
next]: the stride in months or minutes, and three times in seconds since 1970.
"""

import datetime
import functools
import json
import pathlib
import random
import zoneinfo

ZONES = """Europe/Berlin Europe/London America/New_York America/Sao_Paulo America/Havana America/Santiago
Australia/Lord_Howe Asia/Kolkata Asia/Kathmandu Asia/Beirut Asia/Tehran Africa/Casablanca Antarctica/Troll Pacific/Apia
UTC""".split()
HOUR, DAY = 60, 24 * 60
MINUTES = [5, 15, 20, 30, HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR, 6 * HOUR, 8 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY]
MONTHS = [1, 3, 12]
FROM, TO = 631_152_000 // 60, 1_735_689_600 // 60  # 1990 to 2025
EPOCH = datetime.datetime(1970, 1, 1)


@functools.cache
def clock(zone, minute):
    """What the clock shows at a minute of UTC, as minutes since the clock's own 1970."""
    local = datetime.datetime.fromtimestamp(minute * 60, zoneinfo.ZoneInfo(zone)).replace(tzinfo=None)
    return (local - EPOCH) // datetime.timedelta(minutes=1)


def month_start(month):
    return (datetime.datetime(1970 + month // 12, month % 12 + 1, 1) - EPOCH) // datetime.timedelta(minutes=1)


def shown_at_start(shown, months, minutes):
    """What the clock shows when the bucket begins in which it shows `shown`, and when the next one does."""
    if not months:
        start = shown - shown % minutes
        return start, start + minutes
    date = EPOCH + datetime.timedelta(minutes=shown)
    month = (date.year - 1970) * 12 + date.month - 1
    month -= month % months
    return month_start(month), month_start(month + months)


def first_minute(zone, shown):
    """The first minute at which the clock shows `shown` or more."""
    return next(minute for minute in range(shown - 15 * HOUR, shown + 15 * HOUR) if clock(zone, minute) >= shown)


def short_begins(zone, minute, stride):
    moved = clock(zone, minute) - clock(zone, minute - 1) != 1
    return moved or clock(zone, minute) % stride == 0


def bucket(zone, months, minutes, minute):
    if not months and minutes <= HOUR:
        start = next(m for m in range(minute, minute - 2 * HOUR, -1) if short_begins(zone, m, minutes))
        after = next(m for m in range(minute + 1, minute + 2 * HOUR) if short_begins(zone, m, minutes))
        return start, after
    begin, end = shown_at_start(clock(zone, minute), months, minutes)
    start, after = first_minute(zone, begin), first_minute(zone, end)
    while after <= start:  # a day that the zone left out
        _, end = shown_at_start(end, months, minutes)
        after = first_minute(zone, end)
    return start, after


def moves(zone):
    """Minutes at which the clock is moved."""
    found = []
    for hour in range(FROM, TO, HOUR):
        if clock(zone, hour + HOUR) - clock(zone, hour) != HOUR:
            found += [m for m in range(hour + 1, hour + HOUR + 1) if clock(zone, m) - clock(zone, m - 1) != 1]
    clock.cache_clear()
    return found


def cases():
    for at, zone in enumerate(ZONES):
        draw = random.Random(at)
        moved = moves(zone)
        strides = [(0, minutes) for minutes in MINUTES] + [(months, 0) for months in MONTHS]
        for months, minutes in strides * 5:
            minute = draw.randrange(FROM, TO)
            if moved and draw.random() < 0.7:
                minute = draw.choice(moved) + draw.randrange(-3 * HOUR, 27 * HOUR)
            start, after = bucket(zone, months, minutes, minute)
            yield [zone, months, minutes, minute * 60 + draw.randrange(60), start * 60, after * 60]


text = ",\n".join(json.dumps(case) for case in cases())
pathlib.Path(__file__).with_name("time_zone.json").write_text(f"[\n{text}\n]\n")
