import java.io.*;
import java.net.*;

public class Server {
    public static void main(String[] args) throws IOException {
        try (ServerSocket ss = new ServerSocket(12345)) {
            for (;;) {
                try (Socket s = ss.accept()) {
                    s.getInputStream().transferTo(s.getOutputStream());
                }
            }
        }
    }
}
