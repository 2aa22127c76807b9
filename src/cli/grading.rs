//! What can be typed to grade a class.

use std::path::PathBuf;

use clap::Args;

/// `netdiag grade`
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  netdiag grade submissions/ --lab async-echo --out results/
  netdiag grade submissions/ --lab mine.toml --out results/ --jobs 8
  netdiag grade submissions/ --lab mine.toml --out results/ --shard 2/4   one of four machines
  netdiag grade submissions/ --lab mine.toml --out results/ --shard auto  in a Slurm array")]
pub struct GradeArgs {
    /// Where the submissions are: one directory or file each.
    #[arg(required_unless_present = "list")]
    pub dir: Option<PathBuf>,
    /// What is asked of them: a lab file, or the name of a lab that comes with netdiag.
    #[arg(long, value_name = "LAB", required_unless_present = "list")]
    pub lab: Option<String>,
    /// Where results are kept; the same command goes on where an earlier one stopped.
    #[arg(long, value_name = "DIR", required_unless_present = "list")]
    pub out: Option<PathBuf>,
    /// List the labs that come with netdiag.
    #[arg(long, conflicts_with_all = ["dir", "lab", "out", "shard"])]
    pub list: bool,
    /// How many submissions to grade at the same time [default: twice as many as there are processors].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Grade only this part of the class: I/N, auto (Slurm array), or auto/N (indexed Job of Kubernetes).
    #[arg(long, value_name = "PART")]
    pub shard: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `netdiag merge`
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  netdiag merge results-1/ results-2/ --out results/
  netdiag merge results/ --out results/               after all shards wrote to one directory")]
pub struct MergeArgs {
    /// What `netdiag grade --out` wrote to.
    #[arg(required = true, value_name = "OUT")]
    pub outs: Vec<PathBuf>,
    /// Where the whole is kept.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}
