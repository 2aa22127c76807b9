import java.io.*;
import java.net.*;

public class Server {
    public static void main(String[] args) throws IOException {
        try (ServerSocket ss = new ServerSocket(12345)) {
            while (true) {
                try (Socket s = ss.accept()) {
                    DataInputStream in = new DataInputStream(s.getInputStream());
                    DataOutputStream out = new DataOutputStream(s.getOutputStream());
                    while (true) {
                        out.writeUTF(in.readUTF());
                    }
                } catch (EOFException e) {
                    System.out.println("client done");
                }
            }
        }
    }
}
