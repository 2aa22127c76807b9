//! `netdiag explain`: the catalogue of faults, or one page of it.

use anyhow::bail;

use super::{Outcome, terminal};
use crate::cli::{ColorWhen, ExplainArgs};
use crate::report::{explain, pages};

/// Prints the list, or the page of the fault that was named.
pub fn run(args: &ExplainArgs, color: ColorWhen) -> anyhow::Result<Outcome> {
    let Some(name) = &args.fault else {
        if args.json {
            terminal::show_json(&explain::list_json())?;
        } else {
            terminal::show(&explain::list(terminal::style(color), terminal::width()))?;
        }
        return Ok(Outcome::Fine);
    };
    let Some(page) = pages::find(name) else {
        let nearest = pages::nearest(name).slug;
        bail!("no fault is called `{name}`; did you mean `{nearest}`? `netdiag explain` lists all of them");
    };
    if args.json {
        terminal::show_json(&explain::page_json(page))?;
    } else {
        terminal::show(&explain::page(page, terminal::style(color), terminal::width()))?;
    }
    Ok(Outcome::Fine)
}
