//! The `[contract]` table: what the pair agreed on, as somebody tells it.

use serde::Deserialize;

use crate::evidence::{Contract, Framing, Lifetime, Reply, Term, Transport};

/// Told terms; whatever is left out is learned or assumed later.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ContractTable {
    /// The documented address, `host:port`.
    pub address: Option<String>,
    /// `tcp` or `udp`.
    pub transport: Option<Transport>,
    /// `raw`, `line`, `until-eof` or `datagram`.
    pub framing: Option<Framing>,
    /// `"exact"`, `"uppercase"`, `{ prefix = "…" }` or `{ suffix = "…" }`.
    pub reply: Option<Reply>,
    /// `session` or `one-shot`.
    pub lifetime: Option<Lifetime>,
    /// The longest time a reply may take.
    pub latency_ms: Option<u64>,
    /// How many clients are to be served at the same time.
    pub concurrency: Option<u32>,
}

/// Whether `text` is `host:port`. Port 0 is one: who listens there gets a free port.
///
/// # Errors
/// What is wrong with it, and how an address is written.
pub fn is_address(text: &str) -> Result<(), String> {
    const FORM: &str = "write host:port, such as 127.0.0.1:12345 or [::1]:12345";
    let Some((host, port)) = text.rsplit_once(':') else { return Err(format!("{text:?} is not an address; {FORM}")) };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let sound = bare.is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok())
        || !host.is_empty() && !host.contains(|c: char| "/[]:".contains(c) || c.is_whitespace());
    let number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(_) if sound && number => Ok(()),
        Err(_) if sound && number => Err(format!("{text:?} is not an address: the highest port is 65535; {FORM}")),
        _ => Err(format!("{text:?} is not an address; {FORM}")),
    }
}

impl ContractTable {
    /// These terms; where one is missing, that of `other`.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        Self {
            address: self.address.or_else(|| other.address.clone()),
            transport: self.transport.or(other.transport),
            framing: self.framing.or(other.framing),
            reply: self.reply.or_else(|| other.reply.clone()),
            lifetime: self.lifetime.or(other.lifetime),
            latency_ms: self.latency_ms.or(other.latency_ms),
            concurrency: self.concurrency.or(other.concurrency),
        }
    }

    /// The terms, marked as told.
    #[must_use]
    pub fn told(self) -> Contract {
        Contract {
            address: self.address.map(Term::told),
            transport: self.transport.map(Term::told),
            framing: self.framing.map(Term::told),
            reply: self.reply.map(Term::told),
            lifetime: self.lifetime.map(Term::told),
            latency_ms: self.latency_ms.map(Term::told),
            concurrency: self.concurrency.map(Term::told),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_the_page_of_the_contract_shows_can_be_read() {
        let page = include_str!("../../docs/contract.md");
        let mut key = "";
        let mut rows = 0;
        for row in page.lines().skip_while(|line| !line.starts_with("| key |")).skip(2) {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let [_, name, values, ..] = cells[..] else { continue };
            key = if name.is_empty() { key } else { name.trim_matches('`') };
            for value in values.split(", ").map(|value| value.trim_matches('`')) {
                let text = format!("{key} = {value}");
                let table: ContractTable = toml::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
                assert_ne!(table, ContractTable::default(), "{text}");
                rows += 1;
            }
        }
        assert!(rows > 12, "{rows} values were read");
    }

    #[test]
    fn an_address_is_a_host_and_a_port_and_nothing_else() {
        for sound in ["127.0.0.1:1", "localhost:65535", "[::1]:80", "0.0.0.0:0", "my-host.example:7"] {
            assert_eq!(is_address(sound), Ok(()), "{sound}");
        }
        for wrong in
            ["8888", "localhost", ":80", "a:b", "a:+7", "::1:80", "[x]:80", "http://127.0.0.1:80", "a b:80", ""]
        {
            assert!(is_address(wrong).unwrap_err().contains("host:port"), "{wrong}");
        }
        assert!(is_address("127.0.0.1:70000").unwrap_err().contains("the highest port is 65535"));
    }
}
