python3 server.py &
server=$!
until grep -q ':3039 ' /proc/net/tcp; do sleep 0.05; done
kill -STOP $server
wait $server
