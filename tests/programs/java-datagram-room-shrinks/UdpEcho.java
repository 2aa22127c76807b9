import java.net.*;
public class UdpEcho {
    public static void main(String[] args) throws Exception {
        DatagramSocket socket = new DatagramSocket(12345);
        byte[] buffer = new byte[1024];
        DatagramPacket packet = new DatagramPacket(buffer, buffer.length);
        while (true) {
            socket.receive(packet);
            byte[] data = java.util.Arrays.copyOf(packet.getData(), packet.getLength());
            socket.send(new DatagramPacket(data, data.length, packet.getSocketAddress()));
            packet.setLength(data.length);
        }
    }
}
