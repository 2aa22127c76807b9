#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/12345
printf '%s\n' "$1" >&3
read -r answer <&3
echo "got: $answer"
exec 3>&-
