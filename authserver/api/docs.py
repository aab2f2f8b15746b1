"""/docs: the document of the API as a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, render_template

from authserver.edge.json_schema import Schema

blueprint = Blueprint("api_docs", __name__)
_describe: list[Callable[[], dict[str, Any]]] = []


def describe(document: Callable[[], dict[str, Any]]) -> None:
    """Say where the document comes from: resources and this page do not know each other."""
    _describe[:] = [document]


@blueprint.get("/docs")
def show() -> str:
    """Every operation, by resource."""
    document = _describe[0]()
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(operation["tags"][0], []).append(
                {
                    "method": method.upper(),
                    "path": path,
                    "id": operation["operationId"],
                    "summary": operation["summary"],
                    "scopes": [scope for each in operation["security"] for scope in each.get("bearer", ())],
                    "parameters": operation.get("parameters", []),
                    "members": _members(operation),
                    "responses": [(code, answer["description"]) for code, answer in operation["responses"].items()],
                    "example": _example(method, path, operation, document["servers"][0]["url"]),
                }
            )
    return render_template("api/docs.html", groups=groups, info=document["info"])


def _members(operation: dict[str, Any]) -> list[dict[str, Any]]:
    content: dict[str, Any] = operation.get("requestBody", {}).get("content", {})
    schema: Schema = next((each["schema"] for each in content.values()), {})
    return [
        {
            "name": name,
            "kind": _kind(member),
            "required": name in schema.get("required", ()),
            "text": member.get("description", ""),
        }
        for name, member in schema.get("properties", {}).items()
    ]


def _kind(member: Schema) -> str:
    if "enum" in member:
        return " | ".join(map(str, member["enum"]))
    kind = member.get("type", "")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _example(method: str, path: str, operation: dict[str, Any], server: str) -> str:
    words = ["curl"]
    if method != "get":
        words.append(f"-X {method.upper()}")
    for each in operation["security"]:
        words.append('-H "Authorization: Bearer $KEY"' if "bearer" in each else '-u "$CLIENT_ID:$CLIENT_SECRET"')
    content = operation.get("requestBody", {}).get("content", {})
    needed = [member["name"] for member in _members(operation) if member["required"]]
    if "application/json" in content:
        body = ", ".join(f'"{name}": "…"' for name in needed)
        words.append(f"-H 'Content-Type: application/json' -d '{{{body}}}'")
    elif content:
        words += [f"-d {name}=…" for name in needed]
    return " ".join([*words, f"'{server}{path}'" if "{" in path else server + path])
