import socket,multiprocessing as mp,time
def work(q,r):
    while True: d=q.get(); time.sleep(1.5); r.put(d)
if __name__=="__main__":
    q,r=mp.Queue(),mp.Queue(); mp.Process(target=work,args=(q,r),daemon=True).start()
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 12345)); s.listen(16)
    while True:
        c, _ = s.accept()
        while d:=c.recv(1000): q.put(d); c.sendall(r.get())
        c.close()
