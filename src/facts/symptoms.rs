//! What somebody who stands before the pair would complain of, as far as the evidence shows it. No blame, and no cause.

use super::asked::Muteness;
use super::{Complaint, Echo, Ended, Exchange, Facts, Outcome, Player, Talk};
use crate::evidence::{Action, Gap, Occasion, Role};

/// A reply that takes longer than this, in milliseconds, is felt: Nagle's algorithm costs 40, loopback far less than one.
const FELT_MS: f64 = 30.0;

/// Who gives up does not do so before this many milliseconds have passed, the start of its interpreter included.
const SOON_MS: f64 = 1000.0;

/// What a client says that found nobody, or no way to anybody.
const REFUSED: &[&str] =
    &["connectionrefused", "connection refused", "econnrefused", "network is unreachable", "enetunreach"];

/// What one sees first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Symptom {
    /// The connection is refused.
    Refused,
    /// Nothing moves any more.
    Hangs,
    /// Everything is right, and takes too long.
    Slow,
    /// A reply comes, and is not the one that was expected.
    Garbled,
    /// The connection ends before the conversation does.
    Lost,
    /// Some clients are served, others are not.
    SomeClients,
    /// One try succeeds and another one does not.
    WorksOnce,
    /// A program ends with an error.
    Dies,
    /// The server does not end when it is asked to.
    Stays,
}

impl Symptom {
    /// All of them, in the order of the catalogue's index.
    pub const ALL: [Self; 9] = [
        Self::Refused,
        Self::Hangs,
        Self::Slow,
        Self::Garbled,
        Self::Lost,
        Self::SomeClients,
        Self::WorksOnce,
        Self::Dies,
        Self::Stays,
    ];

    /// Its name in the catalogue.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "connection refused",
            Self::Hangs => "hangs",
            Self::Slow => "slow",
            Self::Garbled => "garbled or incomplete",
            Self::Lost => "connection lost",
            Self::SomeClients => "only some clients",
            Self::WorksOnce => "works once",
            Self::Dies => "a program dies",
            Self::Stays => "does not end",
        }
    }

    /// Whether it says by itself what went wrong. That a program ends with an error, or that it went otherwise for somebody
    /// else, comes with all kinds of it.
    #[must_use]
    pub fn is_telling(self) -> bool {
        matches!(self, Self::Refused | Self::Hangs | Self::Slow | Self::Garbled | Self::Lost)
    }
}

/// The symptoms of one recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symptoms {
    /// What shows.
    pub seen: Vec<Symptom>,
    /// What may be there, and where nobody looked.
    pub unseen: Vec<Symptom>,
}

impl Symptoms {
    /// What a fault must be able to cause to be the one: a symptom that shows; where none that tells anything does, also
    /// one that could not be looked at.
    #[must_use]
    pub fn to_explain(&self) -> Vec<Symptom> {
        let telling = self.seen.iter().any(|symptom| symptom.is_telling());
        let unseen = self.unseen.iter().filter(|_| !telling);
        self.seen.iter().chain(unseen).copied().collect()
    }
}

impl Facts<'_> {
    /// What shows of the symptoms of the catalogue, and what could not be looked at.
    #[must_use]
    pub fn symptoms(&self) -> Symptoms {
        let exchanges = self.exchanges();
        let exchanges = exchanges.as_deref();
        let mut symptoms = Symptoms { seen: Vec::new(), unseen: Vec::new() };
        for symptom in Symptom::ALL {
            let shows = match symptom {
                Symptom::Refused => self.is_refused(),
                Symptom::Hangs => self.hangs(exchanges),
                Symptom::Slow => self.is_slow(),
                Symptom::Garbled => self.is_garbled(exchanges),
                Symptom::Lost => self.is_lost(exchanges),
                Symptom::SomeClients => self.serves_some(exchanges),
                Symptom::WorksOnce => self.works_once(exchanges),
                Symptom::Dies => self.somebody_died(),
                Symptom::Stays => Some(self.outstays()),
            };
            match shows {
                Some(true) => symptoms.seen.push(symptom),
                Some(false) => {}
                None => symptoms.unseen.push(symptom),
            }
        }
        symptoms
    }

    fn is_refused(&self) -> Option<bool> {
        let forbidden = self.forbidden_dial().is_ok_and(|dial| dial.is_some());
        let dialled = self.refused_dial().ok().map(|dial| dial.is_some() || forbidden);
        let says = self.client_says(REFUSED);
        let never_there = || {
            self.server_listeners().is_ok_and(|listeners| listeners.is_empty())
                && self.evidence.setting.server_ready.is_none()
                && self.player(Role::Server).is_ok_and(|server| server.is_some())
        };
        let seen = dialled == Some(true) || says || self.knocked_in_vain().is_some() || never_there();
        if seen { Some(true) } else { dialled }
    }

    fn hangs(&self, exchanges: Exchanges) -> Option<bool> {
        let waits = self.still_waiting() && (self.hang_proven() || self.a_client_runs());
        let unanswered = |dial: &super::Dial| dial.outcome == Outcome::Unanswered;
        let mute = matches!(self.muteness(), Ok(Some((Muteness::NotAccepted | Muteness::Unread | Muteness::Open, _))));
        let seen = waits
            || mute
            || self.dials().is_ok_and(|dials| dials.iter().any(unanswered))
            || self.client_says(&["timeout", "timed out", "etimedout"])
            || exchanges.is_ok_and(|all| all.iter().any(|(talk, exchange)| was_left_waiting(talk, exchange)));
        match exchanges {
            _ if seen => Some(true),
            Ok(_) if self.evidence.setting.occasion != Occasion::LiveServer => Some(false),
            _ if self.clients_ended_well_and_soon() => Some(false),
            _ => None,
        }
    }

    /// Whether every client ended by itself with status 0 and without a word of complaint, sooner than anybody who was left
    /// waiting gives up.
    fn clients_ended_well_and_soon(&self) -> bool {
        let well = |client: &Player| {
            client.ended == Ended::Exited(0)
                && client.complained() == Some(false)
                && client.lifetime_ms().is_some_and(|ms| ms < SOON_MS)
        };
        self.players(Role::Client).is_ok_and(|clients| !clients.is_empty() && clients.iter().all(well))
    }

    fn is_slow(&self) -> Option<bool> {
        let talks = self.talks().ok()?;
        let turns = |talk: &Talk| Some(talk.slowest_reply_ms().is_some_and(|ms| ms >= FELT_MS));
        let mut shown = talks.iter().map(|talk| talk.conversation.and_then(|_| turns(talk)));
        let spins =
            [Role::Server, Role::Client].iter().any(|role| self.spins(*role).is_ok_and(|spins| !spins.is_empty()));
        if spins || shown.clone().any(|slow| slow == Some(true)) {
            return Some(true);
        }
        shown.all(|slow| slow == Some(false)).then_some(false)
    }

    fn is_garbled(&self, exchanges: Exchanges) -> Option<bool> {
        let wrong = |echo: &Echo| {
            matches!(echo, Echo::Short { .. } | Echo::Unterminated | Echo::Differs { .. } | Echo::Surplus { .. })
        };
        let damaged = exchanges.is_ok_and(|all| all.iter().any(|(_, exchange)| wrong(&exchange.echo)));
        let shown_in_part =
            self.talks().is_ok_and(|talks| talks.iter().any(|talk| self.line_printed_in_part(talk).is_some()));
        if damaged || shown_in_part || self.echoes_damaged() || !self.departures().is_empty() {
            return Some(true);
        }
        // What a client makes of a right reply shows in what becomes of the client only.
        let content = self.players(Role::Client).is_ok_and(|clients| !clients.iter().any(Player::failed));
        (exchanges.is_ok() && content).then_some(false)
    }

    fn is_lost(&self, exchanges: Exchanges) -> Option<bool> {
        let reset = |talk: &Talk| talk.rst(Role::Client).is_some() || talk.rst(Role::Server).is_some();
        let cut = |(talk, exchange): &(&Talk, Exchange)| match talk.ended_by(Role::Server) {
            _ if reset(talk) => true,
            None => false,
            // Who closes after the client has, and has answered with whatever, did not break off.
            Some(left) => match exchange.echo {
                Echo::Right | Echo::NothingAsked => false,
                Echo::Nothing | Echo::Short { .. } => true,
                _ => talk.ended_by(Role::Client).is_none_or(|client| left < client),
            },
        };
        let says = [Role::Client, Role::Server]
            .iter()
            .any(|role| self.ended_complaining(*role, Complaint::ConnectionLost).is_some());
        match exchanges {
            Ok(all) => Some(says || all.iter().any(cut)),
            Err(_) if says => Some(true),
            Err(_) => None,
        }
    }

    fn serves_some(&self, exchanges: Exchanges) -> Option<bool> {
        let asked_alone = self.places().is_some() || self.accepted_no_more().is_some();
        let clients = self.players(Role::Client).unwrap_or_default();
        let content = clients.iter().filter(|client| !client.failed() && !client.is_running()).count();
        let split = clients.len() > 1 && content > 0 && content < clients.len();
        match exchanges {
            _ if asked_alone || split => Some(true),
            Ok(all) => {
                let served = all.iter().any(is_right) && !all.iter().all(is_right);
                let slow = |(talk, _): &(&Talk, Exchange)| talk.slowest_reply_ms().is_some_and(|ms| ms >= FELT_MS);
                Some(all.len() > 1 && (served || all.iter().any(slow) && !all.iter().all(slow)))
            }
            Err(_) => None,
        }
    }

    fn works_once(&self, exchanges: Exchanges) -> Option<bool> {
        let repeated = self.dials().is_ok_and(|dials| {
            let got_through = |dial: &super::Dial| dial.outcome == Outcome::Established;
            dials.iter().any(got_through) && !dials.iter().all(got_through)
        });
        let whole = |(_, exchange): &(&Talk, Exchange)| {
            matches!(exchange.echo, Echo::Short { whole_messages: true, .. }) && exchange.got > 0
        };
        match exchanges {
            _ if repeated || self.accepted_no_more().is_some() => Some(true),
            Ok(all) => {
                let then_not = all.iter().any(is_right) && (self.server_ended_badly() || !all.iter().all(is_right));
                Some(then_not || all.iter().any(whole))
            }
            Err(_) => None,
        }
    }

    fn somebody_died(&self) -> Option<bool> {
        self.evidence.programs.seen().ok()?;
        Some(self.server_ended_badly() || self.a_client_failed())
    }

    /// Where nobody asked it to end, nobody complains.
    fn outstays(&self) -> bool {
        self.evidence.farewell.as_ref().is_some_and(|farewell| farewell.exit.is_none())
    }

    fn a_client_runs(&self) -> bool {
        self.players(Role::Client).map_or(true, |clients| clients.iter().any(Player::is_running))
    }

    /// Whether a client wrote an error of one of these names, which are in lower case, or raised one that it did not get
    /// over.
    fn client_says(&self, names: &[&str]) -> bool {
        let raised = self.exceptions(Role::Client).is_ok_and(|raised| {
            raised.iter().filter(|(_, raised)| !matches!(raised.action, Action::Handled | Action::Silent)).any(
                |(_, raised)| {
                    let text = format!("{} {}", raised.kind, raised.message).to_ascii_lowercase();
                    names.iter().any(|name| text.contains(name))
                },
            )
        });
        raised || self.players(Role::Client).is_ok_and(|all| all.iter().any(|client| client.says_any(names)))
    }
}

type Exchanges<'f, 'e> = Result<&'f [(&'f Talk<'e>, Exchange)], &'f Gap>;

fn is_right((_, exchange): &(&Talk, Exchange)) -> bool {
    matches!(exchange.echo, Echo::Right | Echo::NothingAsked)
}

/// Whether a client asked, was owed an answer, and got none from a server that kept the connection.
fn was_left_waiting(talk: &Talk, exchange: &Exchange) -> bool {
    let silent = matches!(exchange.echo, Echo::Nothing | Echo::Short { whole_messages: true, .. });
    silent && talk.ended_by(Role::Server).is_none()
}

#[cfg(test)]
mod tests {
    use super::Symptom::{self, Dies, Garbled, Hangs, Lost, Refused, Slow, SomeClients, WorksOnce};
    use crate::evidence::{How, Role};
    use crate::facts::staged::{Stage, dial, pair, talk};

    fn seen(stage: &Stage) -> Vec<Symptom> {
        stage.facts().symptoms().seen
    }

    #[test]
    fn a_healthy_pair_has_none_and_nothing_is_hidden() {
        let symptoms = pair().talk(talk(40001).healthy()).facts().symptoms().to_explain();
        assert_eq!(symptoms, []);
    }

    #[test]
    fn each_shows_by_itself() {
        assert_eq!(seen(&pair().talk(dial(40001, "127.0.0.1:12435").syn(50.0).refused(50.1))), [Refused]);
        assert_eq!(seen(&pair().talk(talk(40001).asks("hello\n").open()).hangs()), [Hangs]);
        let wrong = talk(40001).asks("a\n").answers("b\n").closes(Role::Client).closes(Role::Server);
        assert_eq!(seen(&pair().talk(wrong)), [Garbled]);
        let late = talk(40001).asks("a\n").after(60.0).answers("a\n").closes(Role::Client).closes(Role::Server);
        assert_eq!(seen(&pair().talk(late).frozen(300.0)), [Slow]);
        assert_eq!(seen(&pair().talk(talk(40001).asks("a\n").closes(Role::Server).closes(Role::Client))), [Lost]);
        assert_eq!(seen(&pair().talk(talk(40001).healthy()).exits(Role::Client, 90.0, How::Code(1))), [Dies]);
    }

    #[test]
    fn that_it_went_well_for_another_client_shows_beside_what_went_wrong() {
        let lost = talk(40002).asks("a\n").closes(Role::Server).closes(Role::Client);
        let both = pair().talk(talk(40001).healthy()).talk(lost);
        assert_eq!(seen(&both), [Lost, SomeClients, WorksOnce]);
    }

    #[test]
    fn where_nothing_tells_what_went_wrong_all_that_was_not_looked_at_may_have() {
        let failed = pair().unseen("packets").exits(Role::Client, 90.0, How::Code(1)).facts().symptoms().to_explain();
        assert!(failed.contains(&Dies) && failed.contains(&Garbled) && failed.contains(&Lost), "{failed:?}");
        let refused = pair().unseen("packets").complains(Role::Client, "ConnectionRefusedError\n");
        assert_eq!(refused.exits(Role::Client, 90.0, How::Code(1)).facts().symptoms().to_explain(), [Refused, Dies]);
    }
}
