import java.io.*; import java.net.*;
public class client { public static void main(String[] a) throws Exception {
 try(Socket c=new Socket("localhost",12345)){ var r=new BufferedReader(new InputStreamReader(c.getInputStream())); var w=new PrintWriter(c.getOutputStream());
 for(String m:new String[]{"one","two","three"}){ w.println(m); System.out.println(r.readLine()); } }
}}
