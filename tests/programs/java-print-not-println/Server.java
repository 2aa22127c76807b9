import java.io.*;
import java.net.*;
import java.util.Scanner;

public class Server {
    public static void main(String[] args) throws IOException {
        ServerSocket ss = new ServerSocket(12345);
        while (true) {
            Socket s = ss.accept();
            Scanner in = new Scanner(s.getInputStream());
            PrintStream out = new PrintStream(s.getOutputStream(), true);
            while (in.hasNextLine()) {
                out.print(in.nextLine());
                out.flush();
            }
            s.close();
        }
    }
}
