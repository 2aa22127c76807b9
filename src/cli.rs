//! What can be typed: clap's types, and nothing else. Only `commands` reads them.

mod grading;
mod own;

pub use grading::{GradeArgs, MergeArgs};
pub use own::{ActorArgs, ExecArgs, GuestArgs, RecordArgs, TraceArgs};

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::reference::spec::Workers;

/// Says whether the echo client or the echo server is at fault, why, and where to fix it.
#[derive(Debug, Parser)]
#[command(name = "netdiag", version, max_term_width = 100, before_help = EXAMPLES)]
pub struct Cli {
    /// When to colour the output; colour never carries meaning alone.
    #[arg(long, global = true, value_enum, default_value_t = ColorWhen::Auto, value_name = "WHEN")]
    pub color: ColorWhen,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  netdiag run --server 'python3 server.py' --client 'python3 client.py' --at 127.0.0.1:12345
                                     your own pair: which of the two is wrong, and where
  netdiag scenario wrong-port        stage a fault and watch netdiag find it
  netdiag scenario --list            what can be staged
  netdiag check 127.0.0.1:12345      examine a server that is running
  netdiag sockets                    who listens, who is connected, what is unread
  netdiag explain missing-reply      what a fault looks like and how to fix it
  netdiag doctor                     what netdiag can see on this machine";

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// When standard output is a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Stage a fault, watch it, name the guilty side.
    Scenario(ScenarioArgs),
    /// Examine a server that is already running, whoever wrote it.
    Check(CheckArgs),
    /// Run a server and a client, record them, and say which one is at fault.
    Run(RunArgs),
    /// Grade a class: every submission of a directory, by a lab.
    Grade(GradeArgs),
    /// Put together what several machines have graded.
    Merge(MergeArgs),
    /// List sockets with their owners and queues, like lsof -i -P and ss in one.
    Sockets(SocketsArgs),
    /// List the tasks of a tokio program that serves a console.
    Tasks(TasksArgs),
    /// Be an echo server.
    Serve(ServeArgs),
    /// Be an echo client, or many.
    Client(ClientArgs),
    /// Diagnose saved evidence or a capture file.
    Replay(ReplayArgs),
    /// Explain a fault, or list all of them.
    Explain(ExplainArgs),
    /// Say what netdiag can see on this machine, and how to open the rest.
    Doctor(DoctorArgs),
    /// Print completions for a shell.
    Completions(CompletionsArgs),
    /// Write the manual pages.
    Man(ManArgs),
    /// Record a plan from standard input in this process (netdiag starts itself this way).
    #[command(name = "__record", hide = true)]
    Record(RecordArgs),
    /// Play a reference part told on standard input (netdiag starts itself this way).
    #[command(name = "__actor", hide = true)]
    Actor(ActorArgs),
    /// Trace socket calls for the recorder (netdiag starts itself this way).
    #[command(name = "__trace", hide = true)]
    Trace(TraceArgs),
    /// Become a program whose socket calls are traced (netdiag starts itself this way).
    #[command(name = "__exec", hide = true)]
    Exec(ExecArgs),
    /// Become a program within limits (netdiag starts itself this way).
    #[command(name = "__guest", hide = true)]
    Guest(GuestArgs),
    /// Try a private network namespace in this process and print what came of it (netdiag starts itself this way).
    #[command(name = "__try-namespace", hide = true)]
    TryNamespace,
}

/// `netdiag scenario`
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  netdiag scenario wrong-port          stage one fault
  netdiag scenario ./mine.toml         stage your own
  netdiag scenario --all               stage all of them and compare with what each one expects
  netdiag scenario blocked-loop --hold keep the pair alive, to look with tcpdump, lsof and others
  netdiag scenario --quiz              guess who is at fault before you are told")]
pub struct ScenarioArgs {
    /// A scenario's name, or a .toml file.
    pub name: Option<String>,
    /// Stage every scenario.
    #[arg(long, conflicts_with_all = ["name", "list", "hold", "save"])]
    pub all: bool,
    /// List the scenarios.
    #[arg(long, conflicts_with_all = ["name", "hold"])]
    pub list: bool,
    /// Keep the staged pair alive on the host's loopback until Ctrl-C, and say how to look at it.
    #[arg(long)]
    pub hold: bool,
    /// Stage it without telling what it is (any one, if no name is given), and ask who is at fault.
    #[arg(long, conflicts_with_all = ["all", "list", "hold", "save", "json"])]
    pub quiz: bool,
    /// Stage on the host's network instead of in a private namespace.
    #[arg(long)]
    pub host: bool,
    /// How many scenarios to stage at once with --all.
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Keep the evidence in this file.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// When to trace socket calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TraceWhen {
    /// In a second run of the pair, made only if that would tell more.
    Auto,
    /// In the one run there is.
    Always,
    /// Not at all.
    Never,
}

/// `netdiag check`
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  netdiag check 127.0.0.1:12345
  netdiag check localhost:9999 --udp
  netdiag check 127.0.0.1:12345 --console http://127.0.0.1:6669   read its tokio tasks too")]
pub struct CheckArgs {
    /// Where the server should listen, host:port.
    pub addr: String,
    /// Speak UDP.
    #[arg(long)]
    pub udp: bool,
    /// What the server was told to do, as a TOML file; such as framing = "line" and reply = "exact" (docs/contract.md).
    #[arg(long, value_name = "FILE")]
    pub contract: Option<PathBuf>,
    /// Ask for longer: series of connections and what they leave behind, a larger crowd, more bytes.
    #[arg(long)]
    pub thorough: bool,
    /// The server's console-subscriber address.
    #[arg(long, value_name = "URL")]
    pub console: Option<String>,
    /// Keep the evidence in this file.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `netdiag run`
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  netdiag run --server 'python3 server.py' --client 'python3 client.py hello' --at 127.0.0.1:12345
  netdiag run --server ./server --client ./client --input hello   a client that asks for its text
  netdiag run --client ./client --against 127.0.0.1:12345 --host
  netdiag run --server ./server            netdiag asks the server itself
  netdiag run --client ./client            netdiag's own server plays the other part")]
pub struct RunArgs {
    /// Words that belong to no option: most often a command without its quotes.
    #[arg(hide = true)]
    pub stray: Vec<String>,
    /// The server's command; split into words like a shell does, but no shell runs it.
    #[arg(long, value_name = "CMD")]
    pub server: Option<String>,
    /// The client's command.
    #[arg(long, value_name = "CMD")]
    pub client: Option<String>,
    /// A line that the client reads at its standard input, which is empty otherwise; may be given several times.
    #[arg(long, value_name = "LINE", requires = "client", allow_hyphen_values = true)]
    pub input: Vec<String>,
    /// The documented address, host:port.
    #[arg(long, value_name = "ADDR", conflicts_with = "against")]
    pub at: Option<String>,
    /// Start no server: whatever is or is not at ADDR plays it.
    #[arg(long, value_name = "ADDR", conflicts_with = "server")]
    pub against: Option<String>,
    /// The pair speaks UDP.
    #[arg(long)]
    pub udp: bool,
    /// What both were told beside the address, as a TOML file; such as framing = "line" and reply = "exact" (docs/contract.md
    /// has all of its keys).
    #[arg(long, value_name = "FILE")]
    pub contract: Option<PathBuf>,
    /// How many clients to start at the same time.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub clients: u32,
    /// The longest wait where a hang cannot be proven, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    pub patience: f64,
    /// Where the pair does well, examine the server by itself as well, as `netdiag check --thorough` does.
    #[arg(long)]
    pub thorough: bool,
    /// Interrupt the server (SIGINT, as by Ctrl-C) once the pair was recorded, and see whether it ends within so many seconds.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "5", requires = "server")]
    pub interrupt: Option<f64>,
    /// Run on the host's network instead of in a private namespace.
    #[arg(long)]
    pub host: bool,
    /// When to trace socket calls and their results (ptrace): in a second run, made only if that would tell more, or where
    /// packets cannot be captured; always; or never.
    #[arg(long, value_enum, default_value_t = TraceWhen::Auto, value_name = "WHEN")]
    pub trace_calls: TraceWhen,
    /// Keep the evidence in this file.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `netdiag sockets`
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  netdiag sockets                 every TCP and UDP socket
  netdiag sockets --listening     servers only
  netdiag sockets --port 12345    both ends of whatever uses that port
  netdiag sockets --pid 4711 --json")]
pub struct SocketsArgs {
    /// Listening sockets only.
    #[arg(long, short)]
    pub listening: bool,
    /// TCP only.
    #[arg(long, conflicts_with = "udp")]
    pub tcp: bool,
    /// UDP only.
    #[arg(long)]
    pub udp: bool,
    /// Only sockets with this port at either end.
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Only sockets of this process.
    #[arg(long, value_name = "PID")]
    pub pid: Option<u32>,
    /// Only sockets in this state, as the table names it.
    #[arg(long, value_name = "STATE")]
    pub state: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `netdiag tasks`
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  netdiag tasks                          the console at http://127.0.0.1:6669
  netdiag tasks http://127.0.0.1:41234")]
pub struct TasksArgs {
    /// Where the program serves its console.
    #[arg(default_value = "http://127.0.0.1:6669")]
    pub console: String,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `netdiag serve`
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  netdiag serve                                  a line echo on 127.0.0.1:12345
  netdiag serve --prefix 'ECHO: ' --listen 127.0.0.1:9999
  netdiag serve --workers sequential             the second client waits
  netdiag serve --console                        attach tokio-console to it")]
pub struct ServeArgs {
    /// Address to listen on; may be given twice, to listen on IPv4 and IPv6.
    #[arg(long, short, value_name = "ADDR", default_values_t = ["127.0.0.1:12345".to_owned()])]
    pub listen: Vec<String>,
    /// Speak UDP.
    #[arg(long)]
    pub udp: bool,
    /// Where a message ends.
    #[arg(long, value_enum, default_value_t = FramingArg::Line)]
    pub framing: FramingArg,
    /// Put this before each reply.
    #[arg(long, value_name = "TEXT", conflicts_with = "suffix")]
    pub prefix: Option<String>,
    /// Put this after each reply.
    #[arg(long, value_name = "TEXT")]
    pub suffix: Option<String>,
    /// Reply in upper case.
    #[arg(long, conflicts_with_all = ["prefix", "suffix"])]
    pub uppercase: bool,
    /// How connections are served: async, sequential, threads, pool:N.
    #[arg(long, default_value = "async", value_name = "HOW")]
    pub workers: Workers,
    /// Close connections that are silent for this many seconds.
    #[arg(long, value_name = "SECONDS")]
    pub idle_timeout: Option<f64>,
    /// Length of the accept queue.
    #[arg(long, default_value_t = 1024)]
    pub backlog: u32,
    /// Serve tokio-console, at this address (port 0: a free one).
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "127.0.0.1:6669")]
    pub console: Option<SocketAddr>,
    /// Do not print the metrics line.
    #[arg(long, short)]
    pub quiet: bool,
}

/// Framing as typed; `one-line` is `line` with one message per connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FramingArg {
    /// Any chunk is echoed as it comes.
    Raw,
    /// Lines, as many as the client likes.
    Line,
    /// One line, then the server closes.
    OneLine,
    /// Everything until the client half-closes.
    UntilEof,
}

/// `netdiag client`
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  netdiag client hello                             one message to 127.0.0.1:12345
  netdiag client --clients 5 --repeat 3            five clients at once, three messages each
  netdiag client --clients 5 --one-by-one          one client after the other")]
pub struct ClientArgs {
    /// The text to send.
    #[arg(default_value = "hello")]
    pub message: String,
    /// Where to dial.
    #[arg(long, short, value_name = "ADDR", default_value = "127.0.0.1:12345")]
    pub dial: String,
    /// Speak UDP.
    #[arg(long)]
    pub udp: bool,
    /// Where a message ends.
    #[arg(long, value_enum, default_value_t = FramingArg::Line)]
    pub framing: FramingArg,
    /// End lines with CR LF.
    #[arg(long)]
    pub crlf: bool,
    /// The reply is expected to begin with this.
    #[arg(long, value_name = "TEXT", conflicts_with = "suffix")]
    pub prefix: Option<String>,
    /// The reply is expected to end with this.
    #[arg(long, value_name = "TEXT")]
    pub suffix: Option<String>,
    /// The reply is expected in upper case.
    #[arg(long, conflicts_with_all = ["prefix", "suffix"])]
    pub uppercase: bool,
    /// Number of clients.
    #[arg(long, short, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub clients: u32,
    /// Messages each client sends.
    #[arg(long, short, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,
    /// One client after the other instead of all at once.
    #[arg(long)]
    pub one_by_one: bool,
    /// A new connection for each message.
    #[arg(long)]
    pub redial: bool,
    /// Half-close after the last message.
    #[arg(long)]
    pub half_close: bool,
    /// Give up on a connection or a reply after this many seconds; 0 waits for ever.
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    pub timeout: f64,
    /// While the connection is refused, try again for this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    pub retry: f64,
    /// Print only the replies.
    #[arg(long, short)]
    pub quiet: bool,
}

/// `netdiag replay`
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  netdiag replay evidence.json
  netdiag replay trace.pcap --at 127.0.0.1:12345")]
pub struct ReplayArgs {
    /// Evidence saved with --save, or a pcap or pcapng file.
    pub file: PathBuf,
    /// The documented address.
    #[arg(long, value_name = "ADDR")]
    pub at: Option<String>,
    /// What both were told beside the address, as a TOML file (docs/contract.md).
    #[arg(long, value_name = "FILE")]
    pub contract: Option<PathBuf>,
    /// Keep the evidence read from a capture file in this file.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `netdiag explain`
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  netdiag explain                  every fault netdiag can name
  netdiag explain missing-reply")]
pub struct ExplainArgs {
    /// The fault's name.
    pub fault: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `netdiag doctor`
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  netdiag doctor          which way of capturing packets is open, and how to open the others
  netdiag doctor --json")]
pub struct DoctorArgs {
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `netdiag completions`
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  netdiag completions bash > ~/.local/share/bash-completion/completions/netdiag")]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `netdiag man`
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  netdiag man ~/.local/share/man/man1")]
pub struct ManArgs {
    /// The directory to write netdiag.1, netdiag-scenario.1 … into; it is made if missing.
    pub dir: PathBuf,
}
