import java.net.*;
import java.util.Scanner;

class Server {
    public static void main(String... a) throws Exception {
        try (var ss = new ServerSocket(12345)) {
            while (true) {
                var s = ss.accept();
                var in = new Scanner(s.getInputStream());
                while (in.hasNextLine()) {
                    s.getOutputStream().write((in.nextLine() + "\n").getBytes());
                }
                s.close();
            }
        }
    }
}
