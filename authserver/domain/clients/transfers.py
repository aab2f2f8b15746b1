"""Transfers of apps: offered to a person, accepted by them; then what the former owner held ends (contract 11.38)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.access import resources, roles
from authserver.domain.clients import directory as client_directory
from authserver.domain.clients import former_owners, ownership, privileges
from authserver.domain.clients import secrets as client_secrets
from authserver.domain.ground import cache, mails, person_locks, throttle
from authserver.domain.record import audit
from authserver.errors import Conflict, Denied, Invalid, NotFound
from authserver.lib import clock
from authserver.models import ApiKey, Client, ClientTransfer, Consent, Grant, Resource, User
from authserver.observability import context

END, KEEP = "end", "keep_24h"
CHOICES = (END, KEEP)
DAY = 86_400
LIFETIME = 7 * DAY
NAMED_IN_MAIL = 20
SHOWN = 20
NO_OFFER = "Nobody offers you this app."


@dataclass(frozen=True, slots=True)
class Offer:
    """An app that is offered, who owns it now (None: nobody), to whom, and until when (epoch seconds)."""

    client: Client
    owner: User | None
    to: User
    expires_at: int


def begin(by: User) -> None:
    """Count an offer before it is known whether there is such a person. Raises RateLimited; not for administrators."""
    if not by.is_admin:
        throttle.begin_offer(by.id)


def offer(by: User | None, client_id: str, new_owner: User, *, through: str | None = None) -> Offer:
    """Offer an app to another person; an earlier offer of it ends. `by` None is the command line.

    `through` is the id of the app whose token of that person asks: the offer ends with what it was allowed.

    Raises NotFound; Denied for the plain owner of an app with a privilege; Conflict, Invalid for whom it cannot go to.
    """
    with database.transaction() as session:
        row = ownership.locked(session, by, client_id)
        has = privileges.held(row, row.owner_id)
        if has and by is not None and not by.is_admin:
            said = " and ".join(privileges.PRIVILEGES[name] for name in has)
            raise Denied(f"This app {said}, so only an administrator gives it to somebody else.")
        to = session.get(User, new_owner.id)
        if to is None or to.disabled_at is not None:
            raise Conflict("This account is disabled, so it can take no app.", field="owner")
        if to.id == row.owner_id:
            raise Conflict("This app is already theirs.", field="owner")
        _require_fit(row, to)
        now = clock.now()
        session.execute(delete(ClientTransfer).where(ClientTransfer.client_id == row.id))
        made = ClientTransfer(
            client_id=row.id,
            to_id=to.id,
            offered_by=by.id if by else None,
            offered_with=(f"app:{through}" if through else context.current().actor)[:64],
            offered_at=now,
            expires_at=now + LIFETIME,
        )
        session.add(made)
        owner = session.get(User, row.owner_id) if row.owner_id else None
        mails.send(
            session, to.email, "app_offered", whose=to.id, name=to.name, app=row.name, client_id=row.id,
            until=made.expires_at,
        )  # fmt: skip
        _record(session, "client.transfer_offered", row, to=to.id)
    return Offer(row, owner, to, made.expires_at)


def find(client_id: str) -> Offer | None:
    """The offer of an app that stands now, for its owner's eyes; None if there is none."""
    with database.reading() as session:
        return _standing(session, client_id)


def get(user: User, client_id: str) -> Offer:
    """The offer of an app to this person. Raises NotFound, also for an offer to somebody else."""
    found = find(client_id)
    if found is None or found.to.id != user.id:
        raise NotFound(NO_OFFER)
    return found


def waiting(user_id: str) -> list[Offer]:
    """What is offered to a person now, the newest first: of many the SHOWN newest."""
    theirs = select(ClientTransfer).where(ClientTransfer.to_id == user_id, ClientTransfer.expires_at > clock.now())
    with database.reading() as session:
        made = session.scalars(theirs.order_by(ClientTransfer.offered_at.desc(), ClientTransfer.client_id).limit(SHOWN))
        offers = made.all()
        kept = _together(session, offers)
        found = [_standing(session, each.client_id) for each in offers]
    del kept  # until here: the session itself holds what it read only weakly
    return [each for each in found if each is not None]


def _together(session: Session, offers: Sequence[ClientTransfer]) -> list[object]:
    """What `_standing` looks at, read for all of them at once."""
    apps = session.scalars(select(Client).where(Client.id.in_([each.client_id for each in offers]))).all()
    ids = {each.to_id for each in offers} | {each.offered_by for each in offers} | {each.owner_id for each in apps}
    people = session.scalars(select(User).where(User.id.in_(ids - {None}))).all()
    keys = [each.offered_with.partition(":")[2] for each in offers if each.offered_with.startswith("key:")]
    return [*apps, *people, *session.scalars(select(ApiKey).where(ApiKey.id.in_(keys)))]


def withdraw(by: User, client_id: str) -> None:
    """Take an offer back, or decline it: for the app's owner, administrators, and whom it was made to.

    Raises NotFound.
    """
    with database.transaction() as session:
        row = session.scalar(select(Client).where(Client.id == client_id).with_for_update(key_share=True))
        made = session.get(ClientTransfer, client_id)
        if row is None or made is None or not (by.is_admin or by.id in (row.owner_id, made.to_id)):
            raise NotFound("There is no such offer.")
        session.delete(made)
        _record(session, "client.transfer_declined" if by.id == made.to_id else "client.transfer_withdrawn", row)


def take_back(by: User | None, client_id: str) -> None:
    """End an offer that this person (None: anybody) made, whosever the app is by now. Raises NotFound."""
    with database.transaction() as session:
        row = session.scalar(select(Client).where(Client.id == client_id).with_for_update(key_share=True))
        made = session.get(ClientTransfer, client_id)
        if row is None or made is None or (by is not None and made.offered_by != by.id):
            raise NotFound("There is no such offer.")
        session.delete(made)
        _record(session, "client.transfer_withdrawn", row)


def accept(
    new_owner: User, client_id: str, former_credentials: str, *, version: int | None = None
) -> tuple[Client, str | None]:
    """Take an offered app over; its new secret, once (None for a public one).

    `version` is the one that they looked at: Conflict if its owner changed it since.

    The former owner's secrets, keys and tokens end at once (`end`), or in 24 hours (`keep_24h`): until then the app
    acts in nobody's name. Raises NotFound, also where whoever offered it may no longer do so; Invalid.
    """
    if former_credentials not in CHOICES:
        raise Invalid("Choose when the former owner's access ends.", field="former_credentials")
    with database.transaction() as session:
        # Both, in one order: nobody is disabled between the look at them and the change.
        for person_id in sorted({new_owner.id, _owner_id(session, client_id)} - {""}):
            person_locks.take(session, person_id)
        row = session.scalar(select(Client).where(Client.id == client_id).with_for_update(key_share=True))
        found = _standing(session, client_id)
        if row is None or found is None or found.to.id != new_owner.id:
            raise NotFound(NO_OFFER)
        if version is not None and version != row.version:
            raise Conflict("The app was changed while you were reading. Look at it again.")
        to = session.get_one(User, new_owner.id)
        _require_fit(row, to)
        if former_credentials == KEEP and (why := former_owners.cannot_keep(row, found.owner, to)):
            raise Invalid(why, field="former_credentials")
        if not to.is_admin:
            ownership.require_room(session, to.id)
        before, row.owner_id, row.installation = row.owner_id, to.id, False
        row.version, row.updated_at = row.version + 1, clock.now()
        if former_credentials == KEEP:
            former_owners.keep(session, row, before)
        else:
            former_owners.end(session, row)
        _forget_consents(session, row)
        session.execute(delete(ClientTransfer).where(ClientTransfer.client_id == row.id))
        secret = None if row.public else client_secrets.add(session, row.id)
        _record(
            session, "client.transferred", row, changed={"owner_id": [before, to.id]}, former=former_credentials
        )  # fmt: skip
    return row, secret


def choices(offer: Offer) -> tuple[str, ...]:
    """Those of CHOICES that who takes this app over has."""
    return (END,) if former_owners.cannot_keep(offer.client, offer.owner, offer.to) else CHOICES


def leave(session: Session, person: User, heir: User | None) -> list[Client]:
    """What becomes of the apps and APIs of somebody who is deleted: the heir's at once, or disabled (contract 11.38).

    Whatever they knew of the apps ends, offers too, and of those that they had deleted, which may be brought back.
    For a transaction that records (`record_left`) afterwards; the apps. The heir gets a mail. Raises Conflict for what
    the heir cannot have.
    """
    former_owners.end_kept(session, person.id)
    theirs = select(Client).where(Client.owner_id == person.id).order_by(Client.id)
    owned = session.scalars(theirs.with_for_update(key_share=True)).all()
    rows = [row for row in owned if row.deleted_at is None]
    for row in owned:
        if row.deleted_at is not None:
            former_owners.end(session, row, "owner deleted")
            cache.touch(session, "clients", [row.id])
    if heir is not None:
        _require_room_for(session, heir, len(rows))
    offered = or_(ClientTransfer.to_id == person.id, ClientTransfer.client_id.in_([row.id for row in rows]))
    session.execute(delete(ClientTransfer).where(or_(offered, ClientTransfer.offered_by == person.id)))
    for row in rows:
        if heir is not None:
            _require_fit(row, heir, owner_id=person.id)  # what was this person's own API is the heir's from now on
            row.owner_id, row.installation = heir.id, False
            row.version, row.updated_at = row.version + 1, clock.now()
            former_owners.end(session, row)
            _forget_consents(session, row)
        else:
            if row.disabled_at is None:
                row.disabled_at, row.disabled_by = clock.now(), "owner"
            former_owners.end(session, row, "owner deleted")
    if heir is not None:
        apis = select(func.count()).select_from(Resource).where(Resource.owner_id == person.id)
        resources.require_room(session, heir.id, session.scalar(apis) or 0, field="apps")
        moved = session.execute(update(Resource).where(Resource.owner_id == person.id).values(owner_id=heir.id))
        cache.touch(session, "scopes")
        _tell_heir(session, heir, rows, apis=int(moved.rowcount))  # type: ignore[attr-defined]  # an UPDATE's has it
    return rows


def end_offers_of(session: Session, person_id: str) -> None:
    """End what a person offered: whoever had their browser may have offered it to themselves."""
    session.execute(delete(ClientTransfer).where(ClientTransfer.offered_by == person_id))


def _forget_consents(session: Session, row: Client) -> None:
    """People allowed an app of somebody whom the page named: of somebody else's they are asked at the next sign-in."""
    remembered = (Consent.client_id == row.id, Consent.revoked_at.is_(None))
    session.execute(update(Consent).where(*remembered).values(revoked_at=clock.now()))


def _require_room_for(session: Session, heir: User, count: int) -> None:
    total = ownership.count_owned(session, heir.id) + count
    if count and not heir.is_admin and total > ownership.MAX_PER_OWNER:
        raise Conflict(
            f"They would own {total} apps, and the limit is {ownership.MAX_PER_OWNER}. Give the apps to somebody who"
            " owns fewer, or to an administrator, who has no limit; or delete some first.",
            field="apps",
        )


def _tell_heir(session: Session, heir: User, rows: list[Client], *, apis: int) -> None:
    if not rows and not apis:
        return
    mails.send(
        session, heir.email, "apps_inherited", whose=heir.id, name=heir.name, count=len(rows) + apis, apis=apis,
        apps=sorted(row.name for row in rows)[:NAMED_IN_MAIL], more=max(0, len(rows) - NAMED_IN_MAIL),
    )  # fmt: skip


def record_left(session: Session, row: Client, person: User) -> None:
    """The event of an app whose owner was deleted."""
    if row.owner_id == person.id:
        _record(session, "client.disabled", row, reason="owner deleted")
    else:
        _record(session, "client.handed_over", row, changed={"owner_id": [person.id, row.owner_id]}, former=END)


def _owner_id(session: Session, client_id: str) -> str:
    return session.scalar(select(Client.owner_id).where(Client.id == client_id)) or ""


def _standing(session: Session, client_id: str) -> Offer | None:
    """An offer that counts now: whoever made it may still give the app away (contract 11.36)."""
    made = session.get(ClientTransfer, client_id)
    row = session.get(Client, client_id) if made else None
    if made is None or row is None or row.deleted_at is not None or made.expires_at <= clock.now():
        return None
    to = session.get_one(User, made.to_id)
    by = session.get(User, made.offered_by) if made.offered_by else None
    if to.disabled_at is not None or (made.offered_by and not _may_give(by, row)) or _is_withdrawn(session, made):
        return None
    return Offer(row, session.get(User, row.owner_id) if row.owner_id else None, to, made.expires_at)


def _is_withdrawn(session: Session, made: ClientTransfer) -> bool:
    """An offer ends with the key, consent or app that made it: what was stolen gives nothing away once it is known."""
    kind, _, id = made.offered_with.partition(":")
    if kind == "key":
        key = session.get(ApiKey, id)
        return key is None or key.revoked_at is not None
    if kind == "client":  # an app by itself, in its owner's name: until it is stopped, given away, or its tokens ended
        app = session.get(Client, id)
        stands = app is not None and app.enabled and app.owner_id == made.offered_by
        return app is None or not stands or app.tokens_not_before > made.offered_at
    if kind != "app":
        return False
    both = (Grant.user_id == made.offered_by, *client_directory.live(id))
    return session.scalar(select(Grant.id).where(*both).limit(1)) is None


def _may_give(by: User | None, row: Client) -> bool:
    if by is None or by.disabled_at is not None:
        return False
    return by.is_admin or (by.id == row.owner_id and not privileges.held(row, row.owner_id))


def _require_fit(row: Client, to: User, *, owner_id: str | None = None) -> None:
    """`owner_id`: whose APIs count as their own; left out, the new owner's."""
    roles.require_can_own(to.role)
    if not to.is_admin and (has := privileges.held(row, owner_id or to.id)):
        said = " and ".join(privileges.PRIVILEGES[name] for name in has)
        raise Conflict(
            f"This app {said}, which counts only for administrators: give it to one, or take that from it first.",
            field="owner",
        )


def _record(session: Session, event: str, row: Client, **data: Any) -> None:
    cache.touch(session, "clients", [row.id])
    audit.record(session, event, target=f"client:{row.id}", owner_id=row.owner_id, client_id=row.id, **data)
