"""Figures that are states, not events: how old the keys are, what expires soon, how busy the pool is."""

from __future__ import annotations

from sqlalchemy import Select, func, select

from authserver import database
from authserver.domain.grants import logout_notices
from authserver.domain.ground import last_runs, mails, mails_given_up
from authserver.domain.signing import keys as signing_keys
from authserver.domain.webhooks import deliveries as webhook_deliveries
from authserver.lib import clock
from authserver.models import ApiKey, ClientSecret
from authserver.observability import metrics

EXPIRING_DAYS = (1, 3, 14, 30)


def refresh() -> None:
    """Set the gauges of this process from the database."""
    metrics.build_info()
    checked_out = getattr(database.engine().pool, "checkedout", None)
    if checked_out is not None:
        metrics.DB_POOL_IN_USE.set(checked_out())
    now = clock.now()
    depth, oldest = webhook_deliveries.waiting()
    metrics.WEBHOOK_QUEUE.set(depth)
    metrics.WEBHOOK_OLDEST.set(now - oldest if oldest else 0)
    depth, oldest = mails.waiting()
    metrics.MAIL_QUEUE.set(depth)
    metrics.MAIL_OLDEST.set(now - oldest if oldest else 0)
    _count_set_aside()
    done = last_runs.known()
    metrics.LAST_RETENTION.set(done[last_runs.RETENTION])
    metrics.LAST_BACKUP.set(done[last_runs.BACKUP])
    for alg in signing_keys.ALGS:
        metrics.SIGNING_KEY_AGE.labels(alg).set(now - _active_since(alg, now))
    with database.reading() as session:
        for days in EXPIRING_DAYS:
            ending = sum(session.scalar(query) or 0 for query in _expiring(now, now + days * 86_400))
            metrics.CREDENTIALS_EXPIRING.labels(str(days)).set(ending)


def _count_set_aside() -> None:
    with database.reading() as session:
        of_mails, of_sign_outs = session.execute(
            select(mails_given_up.number(), logout_notices.number_given_up())
        ).one()
    metrics.SET_ASIDE.labels("mail").set(of_mails)
    metrics.SET_ASIDE.labels("sign-out").set(of_sign_outs)


def _active_since(alg: str, now: int) -> int:
    return max((key.active_at for key in signing_keys.every() if key.alg == alg and key.active_at <= now), default=now)


def _expiring(now: int, until: int) -> tuple[Select[int], ...]:
    return tuple(
        select(func.count())
        .select_from(model)
        .where(model.revoked_at.is_(None), model.expires_at > now, model.expires_at <= until)
        for model in (ApiKey, ClientSecret)
    )
