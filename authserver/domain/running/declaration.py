"""A declaration: clients, scopes, APIs and route tables as a file says they shall be, and what differs from that."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from authserver import database
from authserver.domain.access import gateway_routes, resource_scopes, resource_wishes, resources, scopes
from authserver.domain.access.scopes import ScopeFacts
from authserver.domain.clients import clients, logos, sector_identifiers, transfers
from authserver.domain.clients import metadata as client_metadata
from authserver.domain.clients.metadata import Registration
from authserver.domain.people import users
from authserver.errors import Conflict, Invalid
from authserver.lib import scopes as grammar
from authserver.models import User

SECTIONS = ("resources", "scopes", "route_tables", "clients")
SCOPE_FIELDS = tuple(each.name for each in dataclasses.fields(ScopeFacts) if each.name not in ("name", "builtin"))
RESOURCE_FIELDS = (
    "name", "scope", "access_token_format", "access_token_typ", "access_token_alg", "access_token_ttl", "open",
    "open_rate_limit",
    "max_age", "acr_values", "owner",
)  # fmt: skip
CLIENT_FIELDS = ("id", "kind", "owner")


@dataclass(slots=True)
class Change:
    """One thing to do: `create` or `update`, and for an update what differs: name → (now, then)."""

    section: str
    name: str
    action: str
    differences: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    secret: str | None = None
    notes: list[str] = field(default_factory=list)
    _apply: Callable[[], str | None] = field(default=lambda: None, repr=False)

    def told(self) -> dict[str, Any]:
        """As plain data; the secret, once, if one was made."""
        told: dict[str, Any] = {"section": self.section, "name": self.name, "action": self.action}
        if self.differences:
            told["differences"] = {name: list(pair) for name, pair in self.differences.items()}
        if self.notes:
            told["notes"] = self.notes
        return told | ({"client_secret": self.secret} if self.secret else {})


def plan(document: Mapping[str, Any]) -> list[Change]:
    """What would have to change. What the document does not name stays as it is. Raises Invalid."""
    _require_known_sections(document)
    changes = []
    for section in SECTIONS:
        entries = document.get(section, [])
        if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
            raise Invalid(f"{section} must be a list of tables.")
        for number, entry in enumerate(entries, 1):
            try:
                change = _PLANNERS[section](dict(entry))
            except Invalid as refused:
                raise _placed(refused, f"{section} {number}") from refused
            if change is not None:
                changes.append(change)
    return changes


def apply(document: Mapping[str, Any]) -> list[Change]:
    """Do it, resources first, clients last; answers what was done. Raises Invalid, Conflict.

    All of it or nothing: the secret of a new client is told once, and would be lost with what is refused after it.
    """
    _require_known_sections(document)
    _look_up(document)
    with database.together():
        return _apply(document)


def _look_up(document: Mapping[str, Any]) -> None:
    """Before the transaction, inside which nobody else's server is asked."""
    for entry in document.get("clients", []):
        for name, look_up in (("sector_identifier_uri", sector_identifiers.look_up), ("logo_uri", logos.look_up)):
            uri = entry.get(name) if isinstance(entry, Mapping) else None
            if isinstance(uri, str) and uri:
                look_up(uri)


def _apply(document: Mapping[str, Any]) -> list[Change]:
    done: list[Change] = []
    for section in SECTIONS:
        # Planned section by section: clients name scopes that the same document makes.
        entries = document.get(section, [])
        for change in plan({section: entries}):
            try:
                change.secret = change._apply()
            except Invalid as refused:
                raise _placed(refused, f"{section} {change.name}") from refused
            done.append(change)
    return done


def _require_known_sections(document: Mapping[str, Any]) -> None:
    if unknown := sorted(set(document) - set(SECTIONS)):
        raise Invalid(f"There are resources, scopes, route_tables and clients; {unknown[0]!r} is none of them.")


def _plan_resource(entry: dict[str, Any]) -> Change | None:
    identifier = _required(entry, "identifier")
    _no_others(entry, ("identifier", *RESOURCE_FIELDS))
    owner, names = _owner(entry.get("owner")), _scope_names(entry)
    wanted = {"name": entry.get("name") or identifier, "access_token_format": entry.get("access_token_format"),
              "access_token_typ": resource_wishes.kept_typ(entry.get("access_token_typ")),
              "access_token_alg": entry.get("access_token_alg"),
              "access_token_ttl": entry.get("access_token_ttl"), "open": entry.get("open", False),
              "open_rate_limit": entry.get("open_rate_limit"), "max_age": entry.get("max_age"),
              "acr_values": entry.get("acr_values") or ""}  # fmt: skip
    _require_types(wanted)
    current = resources.find(identifier)
    if current is None:
        make = _later(resources.create, identifier, **wanted, scopes=names, owner_id=owner.id if owner else None)
        return Change("resources", identifier, "create", _apply=make)
    differences = _differences({name: getattr(current, name) for name in wanted}, wanted)
    had = resource_scopes.of(identifier)
    if names is not None and set(names) != set(had):
        differences["scope"] = (list(had), list(names))
    change = _later(resources.update, identifier, **wanted, scopes=names)
    return Change("resources", identifier, "update", differences, _apply=change) if differences else None


def _require_types(wanted: Mapping[str, Any]) -> None:
    if type(wanted["open"]) is not bool:
        raise Invalid("open is true or false.")
    if any(type(wanted[name]) not in (int, type(None)) for name in ("access_token_ttl", "max_age")):
        raise Invalid("access_token_ttl and max_age are numbers of seconds.")
    if not all(isinstance(wanted[name] or "", str) for name in ("open_rate_limit", "acr_values", "access_token_alg")):
        raise Invalid(
            'access_token_alg, open_rate_limit and acr_values are texts such as "RS256", "100/hour" and "aal2 phr".'
        )


def _scope_names(entry: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The scopes that an API is declared with; None where it names none, and keeps those it has."""
    text = entry.get("scope")
    if text is None:
        return None
    if not isinstance(text, str):
        raise Invalid('scope is a text such as "notes:read notes:write".')
    try:
        return grammar.parse(" ".join(text.split()))
    except ValueError as error:
        raise Invalid(f"scope: {error}.") from None


def _plan_scope(entry: dict[str, Any]) -> Change | None:
    name = _required(entry, "name")
    _no_others(entry, ("name", *SCOPE_FIELDS))
    current = scopes.all().get(name)
    given = {field: entry[field] for field in SCOPE_FIELDS if field in entry}
    if current is None:
        try:
            facts = ScopeFacts(name=name, **{"title": "", **given})
        except TypeError:
            raise Invalid("A member has the wrong type.") from None
        _typed(facts)
        return Change("scopes", name, "create", _apply=_later(scopes.create, facts))
    differences = _differences({field: getattr(current, field) for field in given}, given)
    facts = dataclasses.replace(current, **given)
    _typed(facts)
    return Change("scopes", name, "update", differences, _apply=_later(scopes.update, facts)) if differences else None


def _plan_route_table(entry: dict[str, Any]) -> Change | None:
    name = _required(entry, "name")
    _no_others(entry, ("name", "rules"))
    wanted = gateway_routes.Table(name, gateway_routes.parse(_lines(entry.get("rules"))))
    gateway_routes.check(name, wanted.rules, with_scopes=False)  # the same document may make them first
    current = gateway_routes.find(name)
    change = _later(gateway_routes.save, name, wanted.rules)
    if current is None:
        return Change("route_tables", name, "create", _apply=change)
    before, after = (gateway_routes.written(table).splitlines() for table in (current, wanted))
    differences = _differences({"rules": before}, {"rules": after})
    return Change("route_tables", name, "update", differences, _apply=change) if differences else None


def _lines(rules: Any) -> str:
    """Rules as one text: a file may hold them as lines or as a list of lines."""
    lines = rules if isinstance(rules, list) else [rules]
    if not all(isinstance(line, str) for line in lines):
        raise Invalid("rules is a text, or a list of texts.")
    return "\n".join(lines)


def _plan_client(entry: dict[str, Any]) -> Change | None:
    client_id = entry.get("client_id") or entry.get("id")
    if not isinstance(client_id, str):
        raise Invalid("A client needs its client_id: without one a second run would make a second client.")
    owner, wanted = _owner(entry.get("owner")), _registration(entry, client_id)
    current = clients.stored(client_id)
    if current is None:

        def make() -> str | None:
            return clients.register(owner, wanted, trusted=True)[1]

        return Change("clients", client_id, "create", notes=client_metadata.ignored_keys(wanted.jwks), _apply=make)
    if current.deleted_at is not None:
        raise Conflict("This client is deleted. Restore it first.")
    complete = client_metadata.complete(dataclasses.replace(wanted, kind=wanted.kind or current.kind))
    if complete.kind != current.kind or complete.public != current.public:
        raise Conflict(f"{client_id} is of another kind. Delete it, or choose another client_id.")
    before = {name: _plainly(getattr(current, name)) for name in client_metadata.FIELDS if name != "client_id"}
    after = {name: _plainly(getattr(complete, name)) for name in before}
    differences = _differences(before, after)
    if owner is not None and owner.id != current.owner_id and not _is_offered(client_id, owner):
        differences["owner_id"] = (current.owner_id, owner.id)
    if not differences:
        return None

    def revise() -> None:
        clients.revise(None, client_id, complete)
        if "owner_id" in differences and owner is not None:
            transfers.offer(None, client_id, owner)

    notes = client_metadata.ignored_keys(wanted.jwks)
    return Change("clients", client_id, "update", differences, notes=notes, _apply=revise)


def _is_offered(client_id: str, owner: User) -> bool:
    """Whether it waits for the declared owner to accept it: nothing is left to do for a shell."""
    found = transfers.find(client_id)
    return found is not None and found.to.id == owner.id


def _registration(entry: dict[str, Any], client_id: str) -> Registration:
    more = {name: entry.pop(name) for name in CLIENT_FIELDS if name in entry}
    more.pop("owner", None)
    more.pop("id", None)
    return dataclasses.replace(client_metadata.from_document(entry), client_id=client_id, **more)


def _owner(email: Any) -> User | None:
    if email is None:
        return None
    try:
        found = users.find_by_email(email if isinstance(email, str) else "")
    except ValueError:
        found = None
    if found is None:
        raise Invalid("There is no person with the email of the owner.")
    return found


def _required(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value:
        raise Invalid(f"{name} is needed.")
    return value


def _no_others(entry: Mapping[str, Any], names: tuple[str, ...]) -> None:
    if others := sorted(set(entry) - set(names)):
        raise Invalid(f"{others[0]!r} is unknown here; possible are {', '.join(names)}.")


def _typed(facts: ScopeFacts) -> None:
    """Raise Invalid for members of another type than the field's: a file may hold anything."""
    for each in dataclasses.fields(facts):
        value, kind = getattr(facts, each.name), str(each.type)
        fits = isinstance(value, bool) if kind == "bool" else isinstance(value, str | int | None)
        if not fits or (kind == "str" and not isinstance(value, str)) or (kind == "int" and type(value) is not int):
            raise Invalid(f"{each.name} has the wrong type.")


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (before[name], after[name]) for name in after if before[name] != after[name]}


def _plainly(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _later(function: Callable[..., Any], *args: Any, **named: Any) -> Callable[[], None]:
    def run() -> None:
        function(*args, **named)

    return run


def _placed(refused: Invalid, where: str) -> Invalid:
    problems = {f"{where}: {name}": text for name, text in refused.problems.items()}
    return Invalid(f"{where}: {refused.public}", refused.detail, problems=problems)


_PLANNERS: dict[str, Callable[[dict[str, Any]], Change | None]] = {
    "resources": _plan_resource,
    "scopes": _plan_scope,
    "route_tables": _plan_route_table,
    "clients": _plan_client,
}
