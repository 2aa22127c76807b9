import java.io.*;
import java.net.*;

public class EchoServer {
    public static void main(String[] args) throws IOException {
        ServerSocket ss = new ServerSocket(12345, 50, InetAddress.getByName("127.0.0.1"));
        while (true) {
            Socket s = ss.accept();
            new Thread(() -> talk(s)).start();
        }
    }

    static void talk(Socket s) {
        try (s; BufferedReader in = new BufferedReader(new InputStreamReader(s.getInputStream()));
             PrintWriter out = new PrintWriter(s.getOutputStream(), true)) {
            String line;
            while ((line = in.readLine()) != null) {
                out.println("ECHO: " + line);
            }
        } catch (IOException e) {
            e.printStackTrace();
        }
    }
}
