import java.io.*;
import java.net.*;
import java.nio.charset.StandardCharsets;
import java.util.logging.*;

/** Frames with a decimal length line: "5\nhello". The answer is framed in the same way. */
public class FrameServer {
    private static final Logger LOG = Logger.getLogger(FrameServer.class.getName());
    private final int port;

    FrameServer(int port) { this.port = port; }

    void run() throws IOException {
        try (ServerSocket server = new ServerSocket(port, 50, InetAddress.getByName("127.0.0.1"))) {
            while (true) {
                Socket socket = server.accept();
                Thread thread = new Thread(new Session(socket), "session");
                thread.setDaemon(true);
                thread.start();
            }
        }
    }

    static class Session implements Runnable {
        private final Socket socket;

        Session(Socket socket) { this.socket = socket; }

        private int readLength(InputStream in) throws IOException {
            int length = 0;
            for (int c = in.read(); c != '\n'; c = in.read()) {
                if (c < 0) return -1;
                if (c == '\r') continue;
                length = length * 10 + Character.digit(c, 10);
            }
            return length;
        }

        @Override public void run() {
            try (socket) {
                InputStream in = socket.getInputStream();
                OutputStream out = socket.getOutputStream();
                int length;
                while ((length = readLength(in)) >= 0) {
                    byte[] body = in.readNBytes(length);
                    writeFrame(out, body);
                }
            } catch (IOException e) {
                LOG.log(Level.INFO, "session ended", e);
            }
        }

        private void writeFrame(OutputStream out, byte[] body) throws IOException {
            out.write((body.length + "\n").getBytes(StandardCharsets.US_ASCII));
            for (int i = 0; i < body.length - 1; i++) {
                out.write(body[i]);
            }
            out.flush();
        }
    }

    public static void main(String[] args) throws IOException {
        new FrameServer(args.length > 0 ? Integer.parseInt(args[0]) : 12345).run();
    }
}
