"""What lets a newcomer try everything at once.

Owns the demo's people, apps and figures (`seeding.seed`), a full installation of long data (`full.fill`), the demo
API's workflows, the demo's own webhook receiver (`inbox`) and what the playground makes for a person
(`playground.own_app`, `playground.short_key`).
"""
