import java.io.*;
import java.net.*;
public class Server {
    public static void main(String[] x) throws IOException {
        ServerSocket ss = new ServerSocket(12345);
        while (true) {
            Socket s = ss.accept();
            BufferedReader in = new BufferedReader(new InputStreamReader(s.getInputStream()));
            PrintStream out = new PrintStream(s.getOutputStream());
            String line = in.readLine();
            if (line != null) {
                out.println(line);
                out.flush();
            }
            s.close();
        }
    }
}
