"""How much one person may change in an hour, through whichever keys and apps: each change leaves rows for good."""

from __future__ import annotations

from authserver.domain.limits import rate_limits
from authserver.errors import Check, RateLimited
from authserver.lib import durations

POLICY, LIMIT = "changes", "600/hour"
# On pages, as much as an API key; nobody presses so many buttons.
PAGES, ON_PAGES = "pages", "1000/hour"


def spend(holder: str) -> None:
    """Count one change through the API of a person, or of an app that is nobody's, before it is made.

    Ending things is no change, and pages have a budget of their own: whoever stole a key leaves them alone. Raises
    RateLimited.
    """
    state = rate_limits.consume(POLICY, holder, LIMIT)
    if not state.allowed:
        wait = durations.in_words(state.retry_after)
        text = f"Too many changes: {LIMIT.replace('/', ' an ')} are allowed for all keys and apps together."
        refusal = RateLimited(f"{text} Try again in {wait}.", f"changes of {holder}", retry_after=state.retry_after)
        raise refusal.because(Check("changes", False, LIMIT, "one more"))


def spend_on_page(user_id: str) -> None:
    """Count one change of a person on a page. Raises RateLimited for one too many."""
    state = rate_limits.consume(PAGES, f"user:{user_id}", ON_PAGES)
    if not state.allowed:
        text = f"These were more changes than one person makes. Go on in {durations.in_words(state.retry_after)}."
        raise RateLimited(text, "too many changes on pages", retry_after=state.retry_after)
