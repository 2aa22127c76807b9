import java.io.*;
import java.net.*;

public class Server {
    public static void main(String[] args) throws IOException {
        ServerSocket server = new ServerSocket(12345);
        System.out.println("Echo server (one line = one message)");
        while (true) {
            Socket socket = server.accept();
            new Thread(() -> {
                try {
                    BufferedReader r = new BufferedReader(new InputStreamReader(socket.getInputStream()));
                    BufferedWriter w = new BufferedWriter(new OutputStreamWriter(socket.getOutputStream()));
                    for (String s = r.readLine(); s != null; s = r.readLine()) {
                        w.write(s);
                        w.newLine();
                        w.flush();
                    }
                    socket.close();
                } catch (IOException e) {
                    System.err.println(e);
                }
            }).start();
        }
    }
}
