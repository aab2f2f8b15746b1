"""The part of JSON Schema that our API is described in, and the check of a value against it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}
TEXTS: Schema = {"type": "array", "items": STRING}
TIME: Schema = {"type": "string", "format": "date-time"}
OBJECT: Schema = {"type": "object", "additionalProperties": True}


def or_null(schema: Schema) -> Schema:
    """The same, or null."""
    return {**schema, "type": [schema["type"], "null"]}


def either(*schemas: Schema) -> Schema:
    """One of these, which differ in their types: generators read alternatives, and no type that is two."""
    return {"oneOf": list(schemas)}


def one_of(*values: str) -> Schema:
    """One of these words."""
    return {"type": "string", "enum": list(values)}


def ref(name: str) -> Schema:
    """A schema of the document's components."""
    return {"$ref": f"#/components/schemas/{name}"}


def record(members: Mapping[str, Schema], *required: str, open: bool = False, about: str = "") -> Schema:
    """An object with these members; `open` allows others."""
    made: Schema = {"type": "object", "properties": dict(members), "additionalProperties": open}
    if required:
        made["required"] = list(required)
    if about:
        made["description"] = about
    return made


def shown(members: Mapping[str, Schema], about: str = "") -> Schema:
    """An object of an answer: every member is always there."""
    return record(members, *members, about=about)


def problems(schema: Schema, value: Any, name: str = "") -> dict[str, str]:
    """What is wrong with a value, by the dotted name of the member; empty if nothing is."""
    if "oneOf" in schema:
        schema = _alternative(schema["oneOf"], value)
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    kind = _kind(value)
    if kinds is not None and kind not in kinds and not (kind == "integer" and "number" in kinds):
        return {name: f"This must be {' or '.join(_WORDS[each] for each in kinds)}."}
    if "enum" in schema and value not in schema["enum"] and value is not None:
        return {name: f"This must be one of {', '.join(map(str, schema['enum']))}."}
    return _RULES[kind](schema, value, name) if kind in _RULES else {}


def _alternative(schemas: list[Schema], value: Any) -> Schema:
    """The one that the value's type chooses; for a value of no such type one that asks for any of them."""
    chosen = [schema for schema in schemas if schema["type"] == _kind(value)]
    return chosen[0] if chosen else {"type": [schema["type"] for schema in schemas]}


def _kind(value: Any) -> str:
    for name, types in _KINDS:
        if isinstance(value, types):
            return name
    return "null"


_KINDS: tuple[tuple[str, type], ...] = (
    ("boolean", bool), ("integer", int), ("number", float), ("string", str), ("array", list), ("object", dict),
)  # fmt: skip
_WORDS = {
    "boolean": "true or false", "integer": "a whole number", "number": "a number", "string": "a text",
    "array": "a list", "object": "an object", "null": "null",
}  # fmt: skip


def _of_text(schema: Schema, value: str, name: str) -> dict[str, str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", 100_000)
    if not least <= len(value) <= most:
        return {name: f"This must have {least} to {most} characters."}
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return {name: "This has the wrong form."}
    return {}


def _of_number(schema: Schema, value: float, name: str) -> dict[str, str]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if (least is not None and value < least) or (most is not None and value > most):
        return {name: f"This must lie between {least} and {most}."}
    return {}


def _of_list(schema: Schema, value: list[Any], name: str) -> dict[str, str]:
    least, most = schema.get("minItems", 0), schema.get("maxItems", 100)
    if not least <= len(value) <= most:
        return {name: f"This must have {least} to {most} members."}
    items = schema.get("items", {})
    found: dict[str, str] = {}
    for index, each in enumerate(value):
        found |= problems(items, each, f"{name}.{index}")
    return found


def _of_object(schema: Schema, value: dict[str, Any], name: str) -> dict[str, str]:
    known: Mapping[str, Schema] = schema.get("properties", {})
    prefix = f"{name}." if name else ""
    found = {f"{prefix}{each}": "This is needed." for each in schema.get("required", ()) if each not in value}
    for member, inner in value.items():
        if member in known:
            found |= problems(known[member], inner, f"{prefix}{member}")
        elif isinstance(schema.get("additionalProperties"), dict):
            found |= problems(schema["additionalProperties"], inner, name)  # under a name that is not input
        elif schema.get("additionalProperties") is False:
            # Not by its name, which is input.
            found[name or "body"] = f"There is a member that is none of {', '.join(known) or 'the known ones'}."
    return found


_RULES: Mapping[str, Callable[[Schema, Any, str], dict[str, str]]] = {
    "string": _of_text,
    "integer": _of_number,
    "number": _of_number,
    "array": _of_list,
    "object": _of_object,
}
