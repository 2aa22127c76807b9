import java.io.*;
import java.net.*;
public class Server {
    public static void main(String[] x) throws IOException {
        ServerSocket ss = new ServerSocket(12345);
        while (true) {
            Socket s = ss.accept();
            new Thread(() -> {
                try (s) {
                    BufferedReader in = new BufferedReader(new InputStreamReader(s.getInputStream()));
                    PrintWriter out = new PrintWriter(s.getOutputStream(), true);
                    in.lines().forEach(out::println);
                } catch (Exception e) { }
            }).start();
        }
    }
}
