import java.io.*;
import java.net.Socket;

public class EchoClient {
    public static void main(String[] args) throws IOException {
        try (Socket s = new Socket("127.0.0.1", 12345)) {
            PrintWriter out = new PrintWriter(s.getOutputStream(), true);
            BufferedReader in = new BufferedReader(new InputStreamReader(s.getInputStream()));
            for (String a : args) {
                out.println(a);
                System.out.println(in.readLine());
            }
        }
    }
}
