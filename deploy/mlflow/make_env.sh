#!/usr/bin/env bash
# Print the secrets and settings of an MLflow server, fresh ones each time, one NAME=VALUE a line:
# for compose (.env), systemd (EnvironmentFile) and Kubernetes (--from-env-file) alike.
#   (umask 077; deploy/mlflow/make_env.sh [HOST[:PORT]]... > deploy/mlflow/.env)
# Each HOST is a name under which clients ask for the server, beside localhost:5000.
set -euo pipefail

# Letters and digits alone, so that no quoting is needed anywhere.
secret() { python3 -c 'import secrets; print(secrets.token_hex(24))'; }

hosts=localhost:5000,127.0.0.1:5000
for host in "$@"; do
  if ! [[ $host =~ ^[A-Za-z0-9.-]+(:[0-9]+)?$ ]]; then
    echo "make_env.sh: a host is NAME or NAME:PORT, but got $host" >&2
    exit 2
  fi
  hosts+=,$host
done

cat <<LINES
PGPASSWORD=$(secret)
AWS_ACCESS_KEY_ID=mlflow
AWS_SECRET_ACCESS_KEY=$(secret)
MLFLOW_AUTH_ADMIN_USERNAME=admin
MLFLOW_AUTH_ADMIN_PASSWORD=$(secret)
MLFLOW_FLASK_SERVER_SECRET_KEY=$(secret)
MLFLOW_SERVER_ALLOWED_HOSTS=$hosts
OBJECTS_FOLDER=/srv/idsweep-objects
LINES
