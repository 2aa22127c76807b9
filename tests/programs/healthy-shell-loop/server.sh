# one connection at a time, forever
while true; do
  socat TCP-LISTEN:12345,bind=127.0.0.1,reuseaddr SYSTEM:'read -r l; echo "Echo\: $l"' || exit 1
done
