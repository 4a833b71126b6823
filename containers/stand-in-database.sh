#!/bin/sh
# In the stand-in of scripts/containers for the public images of PostgreSQL: what docker-compose.yml needs of their entrypoint.
set -eu

[ "${1:-}" != postgres ] || shift
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA"
  chown -R postgres:postgres "$PGDATA"
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # shellcheck disable=SC2086 # several words
  initdb --username=postgres --pwfile="$POSTGRES_PASSWORD_FILE" --encoding=UTF8 --locale=C.UTF-8 $POSTGRES_INITDB_ARGS
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  echo "shared_preload_libraries = 'timescaledb'" >>"$PGDATA/postgresql.conf"
  # By its socket alone: whoever waits for the port does not find a half-made database.
  pg_ctl --wait --silent --options "-c listen_addresses=''" start
  for script in /docker-entrypoint-initdb.d/*.sh; do
    POSTGRES_USER=postgres "$script"
  done
  pg_ctl --wait --silent stop
fi
exec postgres -c 'listen_addresses=*' "$@"
