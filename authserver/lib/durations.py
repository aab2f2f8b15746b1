"""Times in the words of a page: "3 minutes ago", "24 Nov 2026, 14:00 UTC", "4 min 12 s"."""

from datetime import UTC, datetime

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MONTH = 30 * DAY
YEAR = 365 * DAY

# From here on a unit is the one that reads best; hours are kept up to two days, days up to four months: what expires
# is counted in days, and 84 days are not "2 months".
_STEPS = (
    (2 * YEAR, YEAR, "year"),
    (4 * MONTH + DAY, MONTH, "month"),
    (2 * DAY, DAY, "day"),
    (HOUR, HOUR, "hour"),
    (MINUTE, MINUTE, "minute"),
)
_SHORT = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (1, "s"))


def ago(then: int, now: int) -> str:
    """`then` as seen from `now`, both in epoch seconds, past or future: "3 minutes ago", "in 12 days"."""
    distance = abs(now - then)
    for threshold, unit, name in _STEPS:
        if distance >= threshold:
            count = distance // unit
            words = f"{count} {name}" if count == 1 else f"{count} {name}s"
            return f"in {words}" if then > now else f"{words} ago"
    return "in under a minute" if then > now else "just now"


def absolute(epoch: int) -> str:
    """The minute in UTC, spelt so that no reader takes the day for the month: "24 Nov 2026, 14:00 UTC"."""
    moment = datetime.fromtimestamp(epoch, UTC)
    month = _MONTHS[moment.month - 1]
    return f"{moment.day} {month} {moment.year}, {moment:%H:%M} UTC"


def iso(epoch: int) -> str:
    """The same moment for machines, as the `datetime` attribute of HTML wants it (RFC 3339)."""
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%dT%H:%M:%SZ}"


def in_words(seconds: int) -> str:
    """A span in its two largest units: "4 min 12 s", "1 d 6 h"; what is not positive is "0 s"."""
    for position, (unit, name) in enumerate(_SHORT):
        if seconds >= unit:
            return f"{seconds // unit} {name}" + _rest(seconds % unit, position + 1)
    return "0 s"


def _rest(seconds: int, position: int) -> str:
    if position == len(_SHORT):
        return ""
    unit, name = _SHORT[position]
    return f" {seconds // unit} {name}" if seconds >= unit else ""


# strftime's %b follows the process's locale, a page doesn't.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
