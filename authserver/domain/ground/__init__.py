"""The ground floor: what every wing stands on and knows none of them.

Owns the cache of slow-changing rows, counters and last-used times, mails, links that prove something once, answers to
repeated creations, forms that may be answered once, and the slowing down of guesses.
"""
