"""A browser's User-Agent in words: "Firefox on Linux". For people to recognise a session by, never for decisions."""

from dataclasses import dataclass

# First match wins: browsers name those they descend from, so the most particular names come first.
_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("Vivaldi", "Vivaldi"), ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"), ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("HeadlessChrome", "Chrome"),
    ("Chromium", "Chromium"), ("Chrome/", "Chrome"), ("Safari/", "Safari"), ("curl/", "curl"),
    ("python-requests", "Python"), ("Python-urllib", "Python"),
)  # fmt: skip
_SYSTEMS = (
    ("iPhone", "iPhone", "phone"), ("iPad", "iPad", "phone"), ("Android", "Android", "phone"),
    ("CrOS", "ChromeOS", "desktop"), ("Windows", "Windows", "desktop"), ("Macintosh", "macOS", "desktop"),
    ("Mac OS X", "macOS", "desktop"), ("Linux", "Linux", "desktop"),
)  # fmt: skip
_PROGRAMS = frozenset({"curl", "Python"})


@dataclass(frozen=True, slots=True)
class Device:
    """What a User-Agent claims; `icon` is the name of one of our icons."""

    text: str
    icon: str


def describe(user_agent: str) -> Device:
    """Browser and system in words, as far as they are known."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system, icon = next(((name, icon) for mark, name, icon in _SYSTEMS if mark in user_agent), ("", "desktop"))
    if browser in _PROGRAMS or not (browser or system):
        return Device(browser or "Unknown browser", "terminal" if browser else "globe")
    return Device(f"{browser or 'A browser'} on {system}" if system else browser, icon)
