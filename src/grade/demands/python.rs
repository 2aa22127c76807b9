//! What a check may demand of the inside of a Python program: read off what the tracer saw there.

use super::{Demand, is_running, own};
use crate::evidence::{Evidence, Exceptions, Frame, Role, Served};
use crate::grade::lab::Check;
use crate::report::cite;

/// Looks at one demand.
type Look = fn(&Check, &Evidence) -> Demand;

/// What the check demands of the inside, each looked at.
pub fn demands(check: &Check, evidence: &Evidence) -> Vec<Demand> {
    let expect = &check.expect;
    let looks: [(bool, Look); 5] = [
        (expect.asyncio, runs_asyncio),
        (expect.streams, serves_streams),
        (expect.drains, drains),
        (expect.unblocked, never_blocks),
        (expect.awaits, awaits),
    ];
    looks.into_iter().filter(|(is_demanded, _)| *is_demanded).map(|(_, look)| look(check, evidence)).collect()
}

/// What a tracer saw inside the submission's Python programs; why there is nothing, otherwise.
fn inside<'e>(check: &Check, evidence: &'e Evidence) -> Result<&'e Exceptions, Demand> {
    let nothing = || Demand::Open("Nothing could be seen inside the program; it may be no Python program.".to_owned());
    let seen = evidence.exceptions.seen().map_err(|_| nothing())?;
    if seen.tracers.iter().any(|tracer| tracer.role == check.plays) { Ok(seen) } else { Err(nothing()) }
}

fn never_blocks(check: &Check, evidence: &Evidence) -> Demand {
    let seen = match inside(check, evidence) {
        Ok(seen) => seen,
        Err(open) => return open,
    };
    let Some(stall) = seen.stalls.iter().find(|stall| stall.role == check.plays) else { return Demand::Met };
    let Frame { file, line, .. } = &stall.location;
    Demand::Exceeded {
        what: format!(
            "The event loop was blocked in {file}, line {line}: everybody else waited meanwhile. Use the asynchronous form of \
             the call (asyncio.sleep, streams), or move it to a thread (asyncio.to_thread).\n\
             More about it: netdiag explain blocked-loop"
        ),
        measured: cite::time(stall.ms),
    }
}

fn awaits(check: &Check, evidence: &Evidence) -> Demand {
    let seen = match inside(check, evidence) {
        Ok(seen) => seen,
        Err(open) => return open,
    };
    let Some(one) = seen.neglected.iter().find(|one| one.role == check.plays) else { return Demand::Met };
    let at = one.location.as_ref().map_or_else(String::new, |at| format!(" ({}, line {})", at.file, at.line));
    Demand::Unmet(match one.what.as_str() {
        "never-awaited" => {
            format!("`{}` was called and never awaited{at}: nothing of it ran. Write `await` before it.", one.name)
        }
        _ => format!("A task failed and nobody asked for its result{at}. Await it, or handle the error inside of it."),
    })
}

/// The handlers the submission's streams were served with, if an event loop ran there at all.
fn served<'e>(check: &Check, evidence: &'e Evidence) -> Result<Vec<&'e Served>, Demand> {
    Ok(inside(check, evidence)?.served.iter().filter(|served| served.role == check.plays).collect())
}

/// The server takes its clients by `start_server`, with a coroutine.
fn serves_streams(check: &Check, evidence: &Evidence) -> Demand {
    let served = match served(check, evidence) {
        Ok(served) => served,
        Err(open) => return open,
    };
    if served.is_empty() {
        return Demand::Unmet(
            "No client arrived at a handler of asyncio's streams: serve with asyncio.start_server(handler, host, port).".to_owned(),
        );
    }
    let Some(plain) = served.iter().find(|served| !served.coroutine) else { return Demand::Met };
    let Frame { file, line, function, .. } = &plain.handler;
    Demand::Unmet(format!(
        "`{function}` ({file}, line {line}) is a plain function: nothing in it can await. Write `async def` before it."
    ))
}

/// What the handlers of streams write is drained. A protocol has nothing to drain.
fn drains(check: &Check, evidence: &Evidence) -> Demand {
    let served = match served(check, evidence) {
        Ok(served) => served,
        Err(open) => return open,
    };
    let Some(undrained) = served.iter().find_map(|served| served.undrained.as_ref()) else { return Demand::Met };
    let Frame { file, line, .. } = undrained;
    Demand::Unmet(format!(
        "What is written in {file}, line {line}, is never drained: for a client that does not read, it piles up in memory. \
         Write `await writer.drain()` after it."
    ))
}

fn runs_asyncio(check: &Check, evidence: &Evidence) -> Demand {
    // The loop is looked for when the recording is frozen; a program that has gone by then shows none.
    if !own(check, evidence).all(is_running) {
        return Demand::Open("The server had ended before it could be looked into.".to_owned());
    }
    let seen = match inside(check, evidence) {
        Ok(seen) => seen,
        Err(open) => return open,
    };
    if has_loop(seen) {
        return Demand::Met;
    }
    Demand::Unmet("No asyncio event loop ran in the server while it waited for clients.".to_owned())
}

fn has_loop(seen: &Exceptions) -> bool {
    const ENTRIES: [&str; 4] = ["run_forever", "run_until_complete", "asyncio.run", ".run("];
    seen.stacks.iter().filter(|stack| stack.role == Role::Server).any(|stack| {
        let enters = |source: &str| ENTRIES.iter().any(|entry| source.contains(entry));
        let in_loop = stack.within.starts_with("selectors.") || stack.within.starts_with("asyncio.");
        stack.of.starts_with("task ") || (in_loop && stack.frames.last().is_some_and(|frame| enters(&frame.source)))
    })
}
