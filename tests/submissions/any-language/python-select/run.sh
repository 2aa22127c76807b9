exec python3 server.py
