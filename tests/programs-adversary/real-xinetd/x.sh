defaults
{
}
service echo
{
    type = INTERNAL UNLISTED
    id = echo-stream
    socket_type = stream
    protocol = tcp
    port = 12345
    bind = 127.0.0.1
    wait = no
    user = root
}
