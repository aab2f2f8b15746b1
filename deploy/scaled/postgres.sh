#!/bin/sh
# One of two PostgreSQLs: NAME is this one, WRITER the one that is written to. The other follows it, from a copy that it
# makes at its first start; while it does, nothing waits for a standby of its own, so that it can be promoted at once.
# A folder that was written to is never made a follower: what it alone holds would be lost, or worse, come back.
set -eu
: "${NAME:?}" "${WRITER:?}" "${PGDATA:?}"
[ "$NAME" != "$WRITER" ] || exec docker-entrypoint.sh postgres "$@"
if [ "$(id -u)" = 0 ]; then
    install -d -o postgres -g postgres -m 700 "$PGDATA"
    exec gosu postgres "$0" "$@"
fi
umask 077
export PGPASSFILE="${PLACE:-/tmp}/standby"
printf '%s:*:*:%s:%s\n' "$WRITER" "${STANDBY_ROLE:-authserver_standby}" \
    "$(cat "${STANDBY_PASSWORD_FILE:-/run/secrets/standby_password}")" > "$PGPASSFILE"
# A slot's name takes no hyphen.
slot=$(printf '%s' "$NAME" | tr -c 'a-z0-9' _)
from="host=$WRITER port=${WRITER_PORT:-5432} user=${STANDBY_ROLE:-authserver_standby} application_name=$NAME passfile=$PGPASSFILE"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    until pg_isready --quiet --dbname "$from"; do sleep 1; done
    # With --create-slot what the copy needs is kept until it follows; a slot of a copy before is taken as it is.
    pg_basebackup --pgdata "$PGDATA" --dbname "$from" --checkpoint fast --wal-method stream --write-recovery-conf \
        --create-slot --slot "$slot" \
        || pg_basebackup --pgdata "$PGDATA" --dbname "$from" --checkpoint fast --wal-method stream --write-recovery-conf \
            --slot "$slot"
elif [ ! -e "$PGDATA/standby.signal" ]; then
    echo "$NAME holds what was written to it, and WRITER is $WRITER: name $NAME as WRITER, or delete its data" >&2
    exit 1
fi
exec postgres "$@" -c synchronous_standby_names=
