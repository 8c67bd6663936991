#!/bin/sh
# Runs once in a new database cluster: for every server a role and a database of its own, which nobody else may enter.
# Of the passwords only verifiers come here, made by set_up.py.
set -eu
for file in /run/milagro/*.scram; do
    name=$(basename "$file" .scram)
    psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 -v name="$name" -v verifier="$(cat "$file")" \
        --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'verifier' CONNECTION LIMIT 40;
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    -c 'REVOKE ALL ON DATABASE postgres FROM PUBLIC' -c 'REVOKE ALL ON DATABASE template1 FROM PUBLIC'
