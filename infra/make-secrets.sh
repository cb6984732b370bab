#!/usr/bin/env bash
# Makes what is missing of the passwords that docker-compose.yml mounts; what is there is kept. Never commit infra/secrets.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
install -d -m 0700 secrets
# The folder is closed on the host; inside a container, where each file is mounted by itself, another user than root must read it.
make_one() { [ -s "secrets/$1" ] || { printf '%s' "$2" >"secrets/$1"; chmod 0644 "secrets/$1"; echo "made infra/secrets/$1"; }; }
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
make_one postgres_password "$(random)"
make_one export_token "$(random)"
make_one auditor_token "$(random)"
make_one pseudonym_key "$(random)"
for service in cds learner registry mlflow; do
  make_one "${service}_password" "$(random)"
  scheme=postgresql+psycopg
  make_one "${service}_database_url" "$scheme://$service:$(cat "secrets/${service}_password")@postgres:5432/$service"
done
