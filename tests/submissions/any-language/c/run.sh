set -e
cc -o /tmp/server server.c
exec /tmp/server
