#!/usr/bin/env bash
# Each service owns its database, with a role that can reach no other.
set -euo pipefail
for service in cds learner registry mlflow; do
  psql -v ON_ERROR_STOP=1 --username postgres --dbname postgres \
    -v service="$service" -v password="$(cat "/run/secrets/${service}_password")" <<'SQL'
CREATE ROLE :"service" LOGIN PASSWORD :'password';
CREATE DATABASE :"service" OWNER :"service";
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
SQL
done
