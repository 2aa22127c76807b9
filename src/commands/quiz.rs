//! `netdiag scenario --quiz`: stages a pair without telling what is wrong with it, says where to look, and asks who is at
//! fault and why. Then it shows the verdict. It knows what was staged; the diagnosis does not.

use std::io::BufRead as _;
use std::sync::mpsc::channel;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;

use super::hold::whereabouts;
use super::scenario::{load, place};
use super::{Outcome, terminal};
use crate::cli::{ColorWhen, ScenarioArgs};
use crate::diagnosis::examine;
use crate::recording::{self, Held, record_in_worker};
use crate::report::pages;
use crate::report::style::{Ink, Style};
use crate::report::text::{Extras, page};
use crate::sandbox::Interruption;
use crate::scenario::{self, Expect, Scenario};

/// What may be answered to the first question.
const SIDES: [&str; 5] = ["client", "server", "both", "environment", "none"];

/// What the student says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    /// One of [`SIDES`].
    side: &'static str,
    /// A fault's name; `None` when nobody is at fault, or none came to mind.
    fault: Option<String>,
}

/// Stages, asks, and tells. Its outcome is fine when the side was named rightly.
pub fn run(args: &ScenarioArgs, color: ColorWhen) -> anyhow::Result<Outcome> {
    let scenario = match &args.name {
        Some(name) => load(name)?,
        None => any()?,
    };
    let Some(expect) = &scenario.expect else {
        anyhow::bail!("{} expects nothing, so there is nothing to guess; give it an [expect]", scenario.name)
    };
    let Some(answer) = hear(&scenario)? else { return Ok(Outcome::CouldNotTell) };
    let evidence = record_in_worker(&scenario.plan, place(args.host))?;
    let style = terminal::style(color);
    let extras = Extras { width: terminal::width(), saved: None };
    let told = page(&evidence, &examine(&evidence), &style, &extras);
    let (is_right, judgement) = judge(&answer, expect, style);
    terminal::show(&format!("\n{told}\nStaged: {}\n{judgement}\n", scenario.summary))?;
    Ok(if is_right { Outcome::Fine } else { Outcome::Fault })
}

/// Any scenario; the clock is chance enough.
fn any() -> anyhow::Result<Scenario> {
    let can_be_held =
        |name: &&str| scenario::find(name).is_some_and(|it| it.is_ok_and(|it| !it.plan.changes_network()));
    let names: Vec<&str> = scenario::names().filter(can_be_held).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    load(names[now.subsec_micros() as usize % names.len()])
}

/// Keeps the pair alive until both questions are answered; `None` when Ctrl-C or the end of the input came first.
fn hear(scenario: &Scenario) -> anyhow::Result<Option<Answer>> {
    let interruption = Interruption::listen()?;
    let (say, said) = channel();
    let show = |held: &Held| {
        terminal::show(&format!("{}\n", whereabouts(scenario, held)))?;
        // Reading blocks, and Ctrl-C has to be heard meanwhile; if that comes first, this thread ends with the process.
        let ask = move || {
            let _ = say.send(ask());
        };
        std::thread::Builder::new().name("netdiag-quiz".to_owned()).spawn(ask).context("no thread could be started")?;
        Ok(())
    };
    let answer = std::cell::OnceCell::new();
    let is_over = || {
        if let Ok(heard) = said.try_recv() {
            let _ = answer.set(heard);
        }
        interruption.requested() || answer.get().is_some()
    };
    recording::hold(&scenario.plan, &is_over, show)?;
    answer.into_inner().transpose().map(Option::flatten)
}

/// Asks both questions; `None` when the input ends before the first is answered.
fn ask() -> anyhow::Result<Option<Answer>> {
    let side = loop {
        let Some(line) = question(&format!("Who is at fault? ({}) ", SIDES.join(", ")))? else { return Ok(None) };
        match SIDES.into_iter().find(|side| !line.is_empty() && side.starts_with(&line.to_lowercase())) {
            Some(side) => break side,
            None => terminal::show("One of these words, or its first letter.\n")?,
        }
    };
    if side == "none" {
        return Ok(Some(Answer { side, fault: None }));
    }
    let fault = loop {
        let Some(line) = question("Which fault? (`netdiag explain` lists the names; just Enter passes) ")? else {
            break None;
        };
        match pages::find(&line) {
            Some(page) => break Some(page.slug.to_owned()),
            None if line.is_empty() => break None,
            None => terminal::show(&format!("No fault is called so; did you mean {}?\n", pages::nearest(&line).slug))?,
        }
    };
    Ok(Some(Answer { side, fault }))
}

fn question(text: &str) -> anyhow::Result<Option<String>> {
    terminal::show(text)?;
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line).context("the answer could not be read")?;
    Ok((read > 0).then(|| line.trim().to_owned()))
}

/// Whether the side is right, and what is to be said of the whole answer.
fn judge(answer: &Answer, expect: &Expect, style: Style) -> (bool, String) {
    let is_right = answer.side == expect.side;
    let cause = expect.fault.as_deref().map_or_else(String::new, |fault| format!(": {fault}"));
    let said = answer.fault.as_deref().map_or_else(String::new, |fault| format!(": {fault}"));
    let word = match (is_right, answer.fault == expect.fault) {
        (true, true) => style.paint(Ink::Good, "right"),
        (true, false) if answer.fault.is_none() => style.paint(Ink::Good, "the side is right"),
        (true, false) => style.paint(Ink::Dim, "the side is right, the cause is another"),
        (false, _) => style.paint(Ink::Bad, "not so"),
    };
    (is_right, format!("It was {}{cause}. You said {}{said}: {word}.", expect.side, answer.side))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(side: &'static str, fault: Option<&str>) -> (bool, String) {
        let expect = Expect {
            side: "client".to_owned(),
            fault: Some("wrong-port".to_owned()),
            needs: Vec::new(),
            also: Vec::new(),
        };
        judge(&Answer { side, fault: fault.map(str::to_owned) }, &expect, Style { color: false, unicode: true })
    }

    #[test]
    fn the_side_decides_and_the_cause_is_told() {
        assert_eq!(
            judged("client", Some("wrong-port")),
            (true, "It was client: wrong-port. You said client: wrong-port: right.".to_owned())
        );
        assert!(judged("client", None).0);
        assert!(judged("client", Some("no-server")).1.contains("the cause is another"));
        assert!(!judged("server", Some("wrong-port")).0);
    }
}
