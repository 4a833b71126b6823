#!/bin/sh
# The role by which the service `backup` comes: it may replicate, note what it did, and count hours. Safe to run again.
set -eu

secrets=${SECRETS:-/run/secrets}
PGPASSWORD=$(cat "$secrets/database_superuser")
export PGPASSWORD
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --host "${PGHOST:-database}" --username postgres --dbname vayu \
  --set password="$(cat "$secrets/database_backup")" <<'SQL'
SELECT 'CREATE ROLE vayu_backup' WHERE to_regrole('vayu_backup') IS NULL \gexec
ALTER ROLE vayu_backup LOGIN REPLICATION PASSWORD :'password';
GRANT SELECT, INSERT, UPDATE ON meta TO vayu_backup;
GRANT SELECT ON city_hour TO vayu_backup;
-- What the triggers of meta write to.
GRANT SELECT, INSERT, DELETE ON version_due TO vayu_backup;
GRANT SELECT, UPDATE ON version TO vayu_backup;
SQL
echo "the role vayu_backup is ready"
