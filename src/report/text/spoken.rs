//! What was spoken: the exchanges of a healthy pair, what netdiag tried against a live server, what the two agreed on.

use crate::diagnosis::{Diagnosis, Side};
use crate::evidence::{Contract, Conversation, Evidence, Framing, Lifetime, Occasion, Reply, Source, Term};

use super::super::sheet::Sheet;
use super::super::{cite, escape};
use super::table;

/// How many exchanges are told one by one.
const TOLD: usize = 3;

/// For a healthy pair: the exchanges that were seen, since a pass needs them.
pub fn exchange(sheet: &mut Sheet, evidence: &Evidence, diagnosis: &Diagnosis) {
    if diagnosis.verdict.side != Side::None || evidence.setting.occasion == Occasion::LiveServer {
        return;
    }
    let Ok(packets) = evidence.packets.seen() else { return };
    let complete = |conversation: &&Conversation| conversation.sent.total > 0 && conversation.received.total > 0;
    let seen: Vec<_> = packets.conversations.iter().filter(complete).collect();
    if seen.is_empty() {
        return;
    }
    sheet.heading("What was seen");
    for conversation in seen.iter().take(TOLD) {
        let (sent, received) = (&conversation.sent, &conversation.received);
        let there = format!("{} ({})", escape::quoted(&sent.head.0, sent.total, 32), cite::size(sent.total));
        let back = if (sent.total, sent.digest) == (received.total, received.digest) {
            "the same bytes came back".to_owned()
        } else {
            format!(
                "{} ({}) came back",
                escape::quoted(&received.head.0, received.total, 32),
                cite::size(received.total)
            )
        };
        let closed = if sent.fin.is_some() && received.fin.is_some() { ", and both ends closed in order" } else { "" };
        sheet.bullet(&format!(
            "{} → {}: {there} went to the server, {back}{closed}.",
            conversation.dialler, conversation.listener
        ));
    }
    if seen.len() > TOLD {
        let bytes = |of: fn(&Conversation) -> u64| cite::size(seen.iter().map(|conversation| of(conversation)).sum());
        let (there, back) = (bytes(|one| one.sent.total), bytes(|one| one.received.total));
        sheet.bullet(&format!("In all {} conversations with a reply: {there} there, {back} back.", seen.len()));
    }
}

/// For a live server: what netdiag tried, since that was the whole traffic.
pub fn tries(sheet: &mut Sheet, evidence: &Evidence) {
    let Ok(probes) = evidence.probes.seen() else { return };
    if evidence.setting.occasion != Occasion::LiveServer || probes.probes.is_empty() {
        return;
    }
    sheet.heading("What netdiag tried");
    let mut groups: Vec<u32> = vec![];
    for probe in &probes.probes {
        if groups.contains(&probe.group) {
            continue;
        }
        groups.push(probe.group);
        let alike = probes.probes.iter().filter(|other| other.group == probe.group).count();
        let times = if alike > 1 { format!(" ({alike} at the same time)") } else { String::new() };
        let words = cite::probe(probe, cite::Telling::Exact);
        sheet.bullet(&format!("{}{times}", words.strip_prefix("netdiag ").unwrap_or(&words)));
    }
}

/// What the pair is supposed to speak, each term with where it is known from.
pub fn contract(sheet: &mut Sheet, evidence: &Evidence, contract: &Contract) {
    let mut terms: Vec<(Source, String)> = vec![];
    let mut add = |source, text: String| terms.push((source, text));
    if let Some(Term { value, source }) = &contract.address {
        add(*source, value.clone());
    }
    if let Some(Term { value, source }) = &contract.transport {
        add(*source, value.to_string());
    }
    if let Some(Term { value, source }) = &contract.framing {
        add(*source, framing(*value).to_owned());
    }
    if let Some(Term { value, source }) = &contract.reply {
        add(*source, reply(value));
    }
    if let Some(Term { value, source }) = &contract.lifetime {
        let text =
            if *value == Lifetime::Session { "many messages per connection" } else { "one message per connection" };
        add(*source, text.to_owned());
    }
    if let Some(Term { value, source }) = &contract.latency_ms {
        add(*source, format!("a reply within {value} ms"));
    }
    if let Some(Term { value, source }) = &contract.concurrency {
        let one = *value == 1;
        add(*source, if one { "one client at a time".to_owned() } else { format!("{value} clients at the same time") });
    }
    if terms.is_empty() {
        return;
    }
    let live = evidence.setting.occasion == Occasion::LiveServer;
    sheet.heading(if live { "What the server speaks" } else { "What the two agreed on" });
    let known = [(Source::Told, "told"), (Source::Learned, "learned"), (Source::Assumed, "assumed")];
    let lines: Vec<(&str, String)> = known
        .into_iter()
        .filter_map(|(from, name)| {
            let texts: Vec<&str> =
                terms.iter().filter(|(source, _)| *source == from).map(|(_, text)| text.as_str()).collect();
            (!texts.is_empty()).then(|| (name, texts.join(" · ")))
        })
        .collect();
    table(sheet, lines.iter().map(|(name, text)| (*name, text.as_str())));
}

fn framing(framing: Framing) -> &'static str {
    match framing {
        Framing::Raw => "bytes are echoed as they come",
        Framing::Line => "a message is a line",
        Framing::UntilEof => "a message is everything until the client half-closes",
        Framing::Datagram => "a message is a datagram",
    }
}

fn reply(reply: &Reply) -> String {
    match reply {
        Reply::Exact => "the reply is the message".to_owned(),
        Reply::Prefix(text) => {
            format!("the reply is {} and the message", escape::quoted(&text.0, text.len() as u64, 32))
        }
        Reply::Suffix(text) => {
            format!("the reply is the message and {}", escape::quoted(&text.0, text.len() as u64, 32))
        }
        Reply::Uppercase => "the reply is the message in capitals".to_owned(),
    }
}
