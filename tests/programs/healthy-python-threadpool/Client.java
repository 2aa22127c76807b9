import java.io.*;
import java.net.*;
import java.util.concurrent.*;

public class Client {
    static String ask(int n) throws IOException {
        try (Socket s = new Socket("127.0.0.1", 12345)) {
            s.setSoTimeout(8000);
            s.getOutputStream().write(("task " + n + "\r\n").getBytes());
            return new BufferedReader(new InputStreamReader(s.getInputStream())).readLine();
        }
    }

    public static void main(String[] args) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(3);
        Future<?>[] all = new Future<?>[3];
        for (int i = 0; i < 3; i++) {
            int n = i;
            all[i] = pool.submit(() -> ask(n));
        }
        for (Future<?> f : all) System.out.println(f.get());
        pool.shutdown();
    }
}
