exec socat TCP-LISTEN:12345,reuseaddr,fork EXEC:cat
