exec socat TCP-LISTEN:12345,bind=127.0.0.1,reuseaddr,fork EXEC:cat
