#!/usr/bin/env bash
# The service `backup`: the log of the service `database` as it is written, a base backup every VAYU_BACKUP_DAYS days, of
# which VAYU_BACKUP_KEEP are kept, and a drill every VAYU_DRILL_DAYS days. What failed is tried again after an hour.
#
#   backup.sh                          work until it is ended
#   backup.sh healthy                  say by the status whether the log is being kept, and what was tried last went well
#   backup.sh base | drill | prune KEEP
#                                      one command of scripts/backup on this folder
#   backup.sh restore FOLDER [TIME]    make FOLDER/pgdata anew from the backups; what is there is moved aside
set -euo pipefail

folder=${FOLDER:-/var/lib/postgresql/data} secrets=${SECRETS:-/run/secrets} state=${STATE:-/tmp}
backup=$(dirname "$0")/../scripts/backup
export DATABASE_URL="postgresql://vayu_backup@${PGHOST:-database}:${PGPORT:-5432}/vayu" PGPASSFILE=$state/pgpass
# A drill needs as much room as the database, which memory has not; and less memory than the server was tuned to.
export TMPDIR=$folder POSTGRES_OPTIONS="-c shared_buffers=64MB"
umask 077
printf '*:*:*:vayu_backup:%s\n' "$(sed 's/[\\:]/\\&/g' "$secrets/database_backup")" >"$PGPASSFILE.$$"
mv "$PGPASSFILE.$$" "$PGPASSFILE"

streams() {
  psql "$DATABASE_URL" --no-psqlrc --no-align --tuples-only --command \
    "SELECT active FROM pg_replication_slots WHERE slot_name = 'vayu_backup'" 2>/dev/null | grep -q t
}

attempt() { # COMMAND [ARGUMENT…]
  "$backup" "$1" "$folder" "${@:2}" &
  child=$!
  if wait "$child"; then rm -f "$state/failed-$1"; else touch "$state/failed-$1"; fi
  [ ! -e "$state/failed-$1" ]
}

within() { # DAYS PATH…: whether one of them was made within so many days
  [ -n "$(find "${@:2}" -maxdepth 0 -mmin "-$(($1 * 1440))" 2>/dev/null)" ]
}

work() {
  local name
  for name in VAYU_BACKUP_DAYS VAYU_BACKUP_KEEP VAYU_DRILL_DAYS; do
    [[ ${!name:-1} =~ ^[1-9][0-9]{0,3}$ ]] ||
      { echo "error: $name takes a number from 1 to 9999, not ${!name}" >&2 && exit 2; }
  done
  # Of one that was killed.
  rm -rf "$folder"/tmp.* "$folder"/base/.[0-9]*
  set -m # each with a group of its own, so that it ends with its programs
  "$backup" stream "$folder" &
  stream=$! child=
  local each
  trap 'for each in $stream $child; do kill -- "-$each" 2>/dev/null || true; done; wait; exit 0' TERM INT
  until streams; do
    kill -0 "$stream" 2>/dev/null || exit 1
    sleep 1
  done
  while kill -0 "$stream" 2>/dev/null; do
    if ! within "${VAYU_BACKUP_DAYS:-7}" "$folder"/base/[0-9]* && attempt base; then
      attempt prune "${VAYU_BACKUP_KEEP:-4}"
    fi
    if ! within "${VAYU_DRILL_DAYS:-30}" "$folder/drilled" && within 36500 "$folder"/base/[0-9]* && attempt drill; then
      touch "$folder/drilled"
    fi
    sleep "${CHECK_EVERY_S:-3600}" &
    child=$!
    wait -n "$stream" "$child" || true
  done
  echo "error: the log is not being kept any more; see above" >&2
  exit 1
}

restore() { # FOLDER [TIME]
  local data=$1/pgdata aside status=0
  # The name is a second, which an earlier restore may have taken.
  until aside=$data.$(date -u +%Y%m%dT%H%M%SZ) && [ ! -e "$aside" ]; do sleep 0.2; done
  pg_isready --quiet --host="${PGHOST:-database}" || status=$?
  [ $status = 2 ] || { echo "error: the service database runs; stop it first. Nothing was changed" >&2 && exit 1; }
  [ -w "$1" ] ||
    { echo "error: $1 cannot be written to; start the service database once, which makes its volume" >&2 && exit 1; }
  [ ! -e "$data" ] || mv "$data" "$aside"
  if ! "$backup" restore "$folder" "$data" "${@:2}"; then
    rm -rf "$data"
    [ ! -e "$aside" ] || mv "$aside" "$data"
    echo "error: nothing was restored; what was there is there again" >&2
    exit 1
  fi
  if [ -e "$aside/recovery.signal" ]; then
    # It never took a write: it holds nothing that the backups do not hold, and must not outlive what did.
    rm -rf "$aside"
    echo "what was there before had been restored and never started; it is removed"
  elif [ -e "$aside" ]; then
    echo "what was there before is in ${aside##*/}, and stays when the server starts; older ones are removed then"
  fi
}

case ${1:-} in
'') work ;;
healthy) streams && [ -z "$(find "$state" -maxdepth 1 -name 'failed-*')" ] ;;
restore) restore "${@:2}" ;;
*) exec "$backup" "$1" "$folder" "${@:2}" ;;
esac
