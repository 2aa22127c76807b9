import java.io.*; import java.net.*;
public class server { public static void main(String[] a) throws Exception {
 ServerSocket s=new ServerSocket(12345);
 var ex=java.util.concurrent.Executors.newFixedThreadPool(4);
 var sch=java.util.concurrent.Executors.newScheduledThreadPool(1); sch.scheduleAtFixedRate(()->{},0,200,java.util.concurrent.TimeUnit.MILLISECONDS);
 while(true){ Socket c=s.accept(); ex.submit(()->{ try(c){ var r=new BufferedReader(new InputStreamReader(c.getInputStream())); var w=new PrintWriter(c.getOutputStream(),true); String l; while((l=r.readLine())!=null) { if(!l.equals("two")) w.println(l); };} catch(IOException e){} }); }
}}
