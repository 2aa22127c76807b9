exec 3<>/dev/tcp/127.0.0.1/12345 || exit 1
printf hello >&3
read -r reply <&3
echo "$reply"
