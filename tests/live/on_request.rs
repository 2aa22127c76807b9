//! What `netdiag run` does only when it is asked to: interrupt the server at the end, and examine it for longer.

use std::fs;

use serde_json::Value;

use crate::stand;

/// A threaded line server; `{kept}` is done for each client, `{also}` once at the start.
const SERVER: &str = "\
import socket, threading
kept = []
def serve(connection):
    {kept}
    with connection, connection.makefile('rwb') as lines:
        for line in lines:
            lines.write(line)
            lines.flush()
server = socket.create_server(('127.0.0.1', 12345))
{also}
try:
    while True:
        connection, _ = server.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()
except KeyboardInterrupt:
    server.close()
";

const CLIENT: &str = "\
import socket
with socket.create_connection(('127.0.0.1', 12345)) as connection:
    connection.sendall(b'hello\\n')
    print(connection.makefile('rb').readline())
";

/// Runs the pair with one more flag, and returns the report.
fn run(kept: &str, also: &str, flags: &[&str]) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        format!("python3 {}", path.display())
    };
    let server = write("server.py", &SERVER.replace("{kept}", kept).replace("{also}", also));
    let client = write("client.py", CLIENT);
    let words = ["run", "--server", &server, "--client", &client, "--at", "127.0.0.1:12345", "--json"];
    stand::netdiag(&[&words[..], flags].concat()).json()
}

#[test]
fn a_server_that_outlives_ctrl_c_is_found_where_somebody_asks() {
    let endless = "threading.Thread(target=threading.Event().wait).start()";
    let unasked = run("pass", endless, &[]);
    assert_eq!(unasked["verdict"]["side"], "none", "{unasked:#}");
    let asked = run("pass", endless, &["--interrupt", "1"]);
    assert_eq!(asked["verdict"]["fault"], "shutdown-hangs", "{asked:#}");
    let fine = run("pass", "", &["--interrupt", "20"]);
    assert_eq!(fine["verdict"]["side"], "none", "{fine:#}");
}

#[test]
fn what_grows_with_every_client_is_found_where_somebody_asks() {
    let leak = "kept.append(open('/dev/null'))";
    let quick = run(leak, "", &[]);
    assert_eq!(quick["verdict"]["side"], "none", "{quick:#}");
    let thorough = run(leak, "", &["--thorough"]);
    assert_eq!(thorough["verdict"]["side"], "server", "{thorough:#}");
    assert_eq!(thorough["verdict"]["fault"], "leak-per-client", "{thorough:#}");
    assert!(thorough["verdict"]["summary"].as_str().unwrap().contains("descriptors"), "{thorough:#}");
}
