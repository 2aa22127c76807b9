//! `netdiag completions`: what a shell needs to complete netdiag's words.

use clap::CommandFactory as _;

use super::{Outcome, terminal};
use crate::cli::{Cli, CompletionsArgs};

/// Prints the completions.
pub fn run(args: &CompletionsArgs) -> anyhow::Result<Outcome> {
    terminal::show(&script(args.shell))?;
    Ok(Outcome::Fine)
}

fn script(shell: clap_complete::Shell) -> String {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut visible(), "netdiag", &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The command line as users see it. clap_complete would also offer the words by which netdiag starts itself.
fn visible() -> clap::Command {
    let all = Cli::command();
    let shown = all.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let about = all.get_about().cloned().unwrap_or_default();
    clap::Command::new("netdiag")
        .version(env!("CARGO_PKG_VERSION"))
        .about(about)
        .args(all.get_arguments().cloned())
        .subcommands(shown)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_shell_is_offered_the_subcommands_and_none_of_the_hidden_ones() {
        for shell in clap_complete::Shell::value_variants() {
            let script = script(*shell);
            for word in ["scenario", "sockets", "--listening", "--color"] {
                let word = if *shell == clap_complete::Shell::Fish { word.trim_start_matches('-') } else { word };
                assert!(script.contains(word), "{shell}: {word}");
            }
            assert!(!script.contains("__record") && !script.contains("__actor"), "{shell}");
        }
    }

    #[test]
    fn the_command_line_as_users_see_it_is_sound() {
        visible().debug_assert();
    }
}
