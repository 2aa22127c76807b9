#!/bin/sh
# Builds the server where it may, and starts it.
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
gcc -o "$out/server" server.c || exit 1
"$out/server"
