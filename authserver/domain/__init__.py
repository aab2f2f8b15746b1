"""The rules, in wings; modules are nouns, their functions are the verbs; knows no HTTP.

From the top, each wing knowing only those after it: authorization, insight, demo, running, tokens, webhooks, people,
signing, api_keys, grants, clients, limits, access, outbound, record, ground.
"""
