#!/bin/sh
# In the service `database`: of the folders that a restore has moved aside, PGDATA.TIME, all but the newest KEEP are
# removed, once the server takes writes on what was restored.
#
#   former-data.sh KEEP
set -eu

keep=$1
set -- "$PGDATA".[0-9]*T[0-9]*Z # sorted by their names, which are times
[ $# -gt "$keep" ] || exit 0
recovers=$(psql --no-psqlrc --no-align --tuples-only --username postgres --dbname vayu \
  --command "SELECT pg_is_in_recovery() FROM alembic_version") || recovers=unknown
[ "$recovers" = f ] || { echo "error: the server does not take writes; no former data were removed" >&2 && exit 1; }
while [ $# -gt "$keep" ]; do
  size=$(du -sk "$1" | cut -f 1)
  rm -rf "$1"
  echo "former data removed: ${1##*/}, $((size / 1024)) MB are free again"
  shift
done
for folder; do echo "former data kept: ${folder##*/}"; done
