import java.io.*;
import java.net.*;
import java.util.*;

public class Server {
    static Map<String, String> answers = new HashMap<>();

    public static void main(String[] args) throws Exception {
        ServerSocket ss = new ServerSocket(12345);
        List<Socket> sockets = new ArrayList<>();
        while (true) {
            Socket s = ss.accept();
            sockets.add(s);
            new Thread(() -> {
                try {
                    BufferedReader in = new BufferedReader(new InputStreamReader(s.getInputStream()));
                    PrintWriter out = new PrintWriter(s.getOutputStream(), true);
                    String line = in.readLine();
                    out.println(answers.get(line).trim());
                } catch (IOException e) {
                    e.printStackTrace();
                }
            }).start();
        }
    }
}
