import java.io.*;
import java.net.*;
import java.nio.charset.*;
public class Wide {
    static final Charset IN = StandardCharsets.UTF_8, OUT = Charset.forName("UTF-16BE");
    public static void main(String[] args) throws IOException {
        ServerSocket server = new ServerSocket(12345);
        System.out.println("wide echo on " + server.getLocalPort());
        while (true) {
            Socket s = server.accept();
            new Thread(() -> {
                try (s; BufferedReader in = new BufferedReader(new InputStreamReader(s.getInputStream(), IN));
                     Writer out = new OutputStreamWriter(s.getOutputStream(), OUT)) {
                    for (String line; (line = in.readLine()) != null;) {
                        out.write(line + "\n");
                        out.flush();
                    }
                } catch (IOException e) {
                    System.err.println(e);
                }
            }).start();
        }
    }
}
