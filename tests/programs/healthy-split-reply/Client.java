import java.io.*;
import java.net.*;

class Client {
    public static void main(String[] a) throws Exception {
        Socket s = new Socket("127.0.0.1", 12345);
        s.getOutputStream().write("letter by letter\n".getBytes());
        BufferedReader r = new BufferedReader(new InputStreamReader(s.getInputStream()));
        System.out.println(r.readLine());
        s.close();
    }
}
