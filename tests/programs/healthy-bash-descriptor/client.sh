#!/bin/bash
# Says some lines, one after the other, over a descriptor of its own, and takes its leave.
exec {talk}<>/dev/tcp/127.0.0.1/12345 || exit 1
for word in "$@" quit; do
    printf '%s\n' "$word" >&"$talk"
    IFS= read -r -t 10 answer <&"$talk" || { echo "no answer to $word" >&2; exit 2; }
    [ "$answer" = "$word" ] || { echo "said $word, heard $answer" >&2; exit 3; }
done
exec {talk}>&-
echo "all $# said"
