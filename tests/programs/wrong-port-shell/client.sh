PORT=12344
exec 3<>/dev/tcp/127.0.0.1/$PORT
echo "$1" >&3
head -n 1 <&3
