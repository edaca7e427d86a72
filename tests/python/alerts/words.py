"""Statements and words that several tests write."""

from .server import rfc3339, text

NO_TIME = "0001-01-01T00:00:00Z"


def notifier(name, kind, **options):
    """The statement that makes one that may call this machine."""
    options = {"allow_private": "true", **options}
    listed = ", ".join(f"{option} = '{value}'" for option, value in options.items())
    return f"CREATE NOTIFIER {name} TYPE {kind} WITH ({listed})"


def six_digits(value):
    """A number as messages for people have it."""
    return repr(float(f"{value:.5e}")).removesuffix(".0")


def minute_of(moment):
    return f"{moment:%Y-%m-%d %H:%M}"


def span(start, end):
    """A window as messages for people have it."""
    return f"{minute_of(start)} to {end:%H:%M} UTC" if start.date() == end.date() else (
        f"{minute_of(start)} to {minute_of(end)} UTC"
    )


def insert(table, columns, rows):
    """The statement that writes rows, each a moment and what stands after it in SQL."""
    values = ", ".join(f"({text(moment)}, {rest})" for moment, rest in rows)
    return f"INSERT INTO {table} ({columns}) VALUES {values}"


def pushed_body(driftline, receiver, group, query):
    """The body of a webhook as an Alertmanager sends it (version 4), made of the facts that stand beside it."""
    alerts = driftline["alerts"]

    def common(part):
        return dict(set.intersection(*(set(alert[part].items()) for alert in alerts)))

    key = ", ".join(f'{name}="{value}"' for name, value in sorted(group.items()))
    return {
        "version": "4",
        "groupKey": f"{{}}:{{{key}}}",
        "truncatedAlerts": 0,
        "receiver": receiver,
        "status": driftline["status"],
        "groupLabels": group,
        "commonLabels": common("labels"),
        "commonAnnotations": common("annotations"),
        "externalURL": "",
        "alerts": [
            {
                "status": alert["status"],
                "labels": alert["labels"],
                "annotations": alert["annotations"],
                "startsAt": alert["starts_at"],
                "endsAt": alert["ends_at"] or NO_TIME,
                "generatorURL": "",
                "fingerprint": alert["fingerprint"],
            }
            for alert in alerts
        ],
        "driftline": driftline,
    }
