exec 5<>/dev/tcp/127.0.0.1/12345
echo "from bash" >&5
cat <&5
