import java.io.*;
import java.net.*;

public class Server {
    public static void main(String[] args) throws IOException {
        ServerSocket server = new ServerSocket(4444);
        for (;;) {
            try (Socket s = server.accept()) {
                byte[] all = s.getInputStream().readAllBytes();
                s.getOutputStream().write(all);
            }
        }
    }
}
