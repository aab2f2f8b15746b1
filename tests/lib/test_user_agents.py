"""A User-Agent in words."""

import pytest

from authserver.lib import user_agents

MOZILLA = "Mozilla/5.0 "
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 "


@pytest.mark.parametrize(
    ("user_agent", "text", "icon"),
    [
        (MOZILLA + "(X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux", "desktop"),
        (MOZILLA + f"(Windows NT 10.0; Win64; x64) {CHROME}Safari/537.36", "Chrome on Windows", "desktop"),
        (MOZILLA + f"(Windows NT 10.0; Win64; x64) {CHROME}Safari/537.36 Edg/140.0", "Edge on Windows", "desktop"),
        (MOZILLA + f"(Linux; Android 15; Pixel 9) {CHROME}Mobile Safari/537.36", "Chrome on Android", "phone"),
        (MOZILLA + "(Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1.15", "Safari on macOS", "desktop"),
        (MOZILLA + "(iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone", "phone"),
        (MOZILLA + "(iPad; CPU OS 18_0 like Mac OS X) CriOS/140.0 Safari/604.1", "Chrome on iPad", "phone"),
        (MOZILLA + "(X11; Linux x86_64)", "A browser on Linux", "desktop"),
        ("curl/8.11.0", "curl", "terminal"),
        ("", "Unknown browser", "globe"),
        ("<script>alert(1)</script>", "Unknown browser", "globe"),
    ],
)
def test_browser_and_system_are_named(user_agent: str, text: str, icon: str) -> None:
    device = user_agents.describe(user_agent)
    assert (device.text, device.icon) == (text, icon)
