"""What the server really lets people change: read from routes, verbs and fields, to compare with the table."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import click
from flask import Flask

from authserver import api
from authserver.api import clients as api_clients
from authserver.cli import cli
from authserver.domain.clients.metadata import document
from authserver.edge import restricted

ROOT = Path(__file__).parents[2]
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
# What a form carries for the page itself: tokens, rows of lists, steps between two pages.
_READS = {"get", "getlist"}


def of_pages(app: Flask) -> dict[str, str]:
    """Every view that changes something, or asks for a fresh proof → the proof it asks for; empty for none."""
    found = {}
    for rule in app.url_map.iter_rules():
        proof = getattr(app.view_functions[rule.endpoint], "fresh_proof", "")
        if (proof or UNSAFE & set(rule.methods or ())) and not rule.endpoint.startswith("machine:"):
            found[rule.endpoint] = proof
    return found


def of_page_fields() -> dict[str, set[str]]:
    """Module of pages, dashboard or edge → the names of the fields that its forms have or that it reads."""
    found = {}
    for folder in ("pages", "dashboard", "edge"):
        for file in sorted((ROOT / "authserver" / folder).rglob("*.py")):
            if names := _fields(ast.parse(file.read_text(encoding="utf-8"))):
                found[str(file.relative_to(ROOT / "authserver"))] = names
    return found


def _fields(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any("Form" in ast.unparse(base) for base in node.bases):
            names |= {
                target.id
                for each in node.body
                if isinstance(each, ast.Assign) and "Field(" in ast.unparse(each.value)
                for target in each.targets
                if isinstance(target, ast.Name)
            }
        names |= _read(node)
    return names


def _read(node: ast.AST) -> set[str]:
    """`request.form.get("x")`, `request.form["x"]`, `"x" in request.form`, and the same of `request.values` and of a
    form that a view hands on as `posted`.
    """
    key: Any = None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _READS and node.args:
        key = node.args[0] if _is_form(node.func.value) else None
    elif isinstance(node, ast.Subscript) and _is_form(node.value):
        key = node.slice
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In) and _is_form(node.comparators[0]):
        key = node.left
    return {key.value} if isinstance(key, ast.Constant) and isinstance(key.value, str) else set()


def _is_form(node: ast.AST) -> bool:
    return ast.unparse(node) in ("request.form", "request.values", "posted")


def of_api() -> dict[str, dict[str, Any]]:
    """Every operation that changes something → the scopes it needs, how it makes authority, and its fields."""
    found = {}
    for route in api.ROUTES:
        if route.method in UNSAFE:
            fields = set((route.body or {}).get("properties", {}))
            if route in api_clients.ROUTES and route.body and route.body.get("additionalProperties", True):
                fields |= set(document._MEMBERS)  # its documents are open: what is understood counts
            found[f"{route.method} {route.path}"] = {
                "scopes": list(route.scopes), "makes": restricted.authority_of(route.handler), "fields": fields
            }  # fmt: skip
    return found


def of_cli() -> dict[str, set[str]]:
    """Every command → its options and arguments."""
    found: dict[str, set[str]] = {}

    def walk(command: click.Command, name: str, context: click.Context) -> None:
        if isinstance(command, click.Group):
            for verb in command.list_commands(context):
                under = command.get_command(context, verb)
                assert under is not None
                walk(under, f"{name} {verb}".strip(), context)
            return
        found[name] = {str(each.name) for each in command.params}

    walk(cli, "", click.Context(cli))
    return found
