import java.net.*;
import java.io.*;

public class Main {
    static class Acceptor extends Thread {
        final ServerSocket ss;
        Acceptor(ServerSocket ss) { this.ss = ss; }
        public void run() {
            try {
                while (true) {
                    Socket s = ss.accept();
                    s.getInputStream().transferTo(s.getOutputStream());
                    s.close();
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    public static void main(String[] args) throws Exception {
        Acceptor a = new Acceptor(new ServerSocket(12345));
        System.out.println("server started");
        synchronized (a) {
            a.wait();
        }
    }
}
