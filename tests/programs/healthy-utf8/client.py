import socket
with socket.create_connection(('127.0.0.1', 12345)) as c, c.makefile('rw', encoding='utf-8', newline='\n') as f:
    for s in ['zażółć gęślą jaźń', '日本語', 'emoji 🦀']:
        print(s, file=f, flush=True)
        assert f.readline() == s + '\n'
print('ok')
