//! Faults that share a symptom: which evidence tells each from the other, and that netdiag names both without it.
//!
//! Nothing is listed by hand. The pairs come from the rules' own symptoms; the evidence is that of the recorded cases, from
//! which one piece or two are taken away. docs/faults/look-alikes.md is made of what then happens; NETDIAG_BLESS=1 writes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use netdiag::diagnosis::{Confidence, Part, Side, Verdict, examine};
use netdiag::evidence::{Evidence, Transport};
use netdiag::facts::{Facts, Symptom};
use netdiag::rules::{RULES, Rule};

use super::catalogue::{cases, expected, read, word};
use super::less::is_wrong;
use super::pieces::{Cover, PARTS, SOURCES};

/// What netdiag says of a case when some pieces of its evidence are taken away.
struct Answer {
    taken: Vec<&'static str>,
    verdict: Verdict,
    /// What a fault must be able to cause to be the one.
    to_explain: Vec<Symptom>,
}

impl Answer {
    /// The fault of which somebody, or something, is accused.
    fn accuses(&self) -> Option<&str> {
        self.verdict.fault.as_deref().filter(|_| self.verdict.side != Side::Unknown)
    }

    fn names(&self, fault: &str) -> bool {
        let verdict = &self.verdict;
        verdict.fault.as_deref() == Some(fault) || verdict.candidates.iter().any(|candidate| candidate.fault == fault)
    }

    fn leaves_open(&self, one: &str, other: &str) -> bool {
        self.verdict.side == Side::Unknown && self.names(one) && self.names(other)
    }

    fn without(&self) -> String {
        self.taken.join(" + ")
    }
}

/// The recorded case of a fault, and everything that less evidence makes of it.
struct Case {
    rule: &'static Rule,
    causes: Vec<String>,
    transport: Option<Transport>,
    /// Fewer pieces first.
    answers: Vec<Answer>,
}

/// All cases whose verdict is named after their fault, examined on as many threads as there are processors.
static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let named: Vec<&'static Rule> = RULES.iter().copied().filter(|rule| is_named(rule)).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        // Neighbours in the table are alike, and take as long.
        let share =
            |first: usize| named.iter().skip(first).step_by(threads).map(|rule| examined(rule)).collect::<Vec<_>>();
        let work: Vec<_> = (0..threads).map(|first| scope.spawn(move || share(first))).collect();
        work.into_iter().flat_map(|work| work.join().unwrap()).collect()
    })
});

fn is_named(rule: &Rule) -> bool {
    cases().contains(rule.name) && expected(rule.name).is_some_and(|(_, fault)| fault.as_deref() == Some(rule.name))
}

fn case(fault: &str) -> Option<&'static Case> {
    CASES.iter().find(|case| case.rule.name == fault)
}

fn examined(rule: &'static Rule) -> Case {
    let whole = read(rule.name);
    let found = examine(&whole).findings;
    let causes = found.into_iter().filter(|finding| finding.role == Part::Cause).map(|finding| finding.fault).collect();
    Case { rule, causes, transport: Facts::derive(&whole).seen_transport(), answers: with_less(&whole) }
}

type Way = Vec<&'static (&'static str, Cover)>;

fn without(whole: &Evidence, way: &Way) -> Evidence {
    let mut less = whole.clone();
    for (_, cover) in way {
        cover(&mut less);
    }
    less
}

fn answer(way: &Way, less: &Evidence) -> Answer {
    Answer {
        taken: way.iter().map(|(name, _)| *name).collect(),
        verdict: examine(less).verdict,
        to_explain: Facts::derive(less).symptoms().to_explain(),
    }
}

/// Each piece whose absence changes the evidence, with what is left then.
fn pieces(whole: &Evidence) -> Vec<(Way, Evidence)> {
    let alone = SOURCES.iter().chain(&PARTS).map(|piece| (vec![piece], without(whole, &vec![piece])));
    alone.filter(|(_, less)| less != whole).collect()
}

/// Each of `ways` with one piece more, where that changes the evidence again: a part of a source goes with the source.
fn with_one_more(whole: &Evidence, ways: &[(Way, Evidence)]) -> Vec<(Way, Evidence)> {
    let pieces = pieces(whole);
    let place = |way: &Way| pieces.iter().rposition(|(piece, _)| way.contains(&piece[0])).map_or(0, |last| last + 1);
    let more = ways.iter().flat_map(|(way, less)| {
        pieces[place(way)..].iter().map(move |(piece, alone)| ([way.as_slice(), piece].concat(), less, alone))
    });
    more.filter_map(|(way, less, alone)| {
        let least = without(whole, &way);
        (least != *less && least != *alone).then_some((way, least))
    })
    .collect()
}

/// One answer for each piece, and for each two of them.
fn with_less(whole: &Evidence) -> Vec<Answer> {
    let one = pieces(whole);
    let two = with_one_more(whole, &one);
    one.iter().chain(&two).map(|(way, less)| answer(way, less)).collect()
}

/// Faults that share `symptom`, in the order of the table.
fn sharing(symptom: Symptom) -> Vec<&'static Rule> {
    RULES.iter().copied().filter(|rule| rule.symptoms.contains(&symptom)).collect()
}

#[test]
fn with_all_evidence_only_the_fault_itself_is_a_cause() {
    let mut wrong = Vec::new();
    for case in CASES.iter() {
        for symptom in case.rule.symptoms {
            for other in sharing(*symptom).iter().filter(|other| other.name != case.rule.name) {
                if case.causes.iter().any(|cause| cause == other.name) {
                    wrong.push(format!("{}: {} is called a cause as well", case.rule.name, other.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// What is wrong with an answer that no longer accuses the case's fault.
fn flaw(case: &Case, truth: &str, answer: &Answer) -> Option<&'static str> {
    let name = case.rule.name;
    let without_terms = answer.taken.contains(&"agreement");
    match answer.accuses() {
        Some(fault) if fault == name => None,
        // What the fault causes was seen, and said; where the two differ and nothing says who is right, so is that.
        Some(fault) if case.rule.explains.contains(&fault) => {
            let both = answer.verdict.side == Side::Both && without_terms;
            (!both && is_wrong(name, truth, &answer.verdict)).then_some("somebody innocent is accused")
        }
        Some(_) => Some("another fault is named as if it were certain"),
        // What nobody promised is no fault.
        None if answer.verdict.side == Side::None && without_terms => None,
        None if answer.verdict.side == Side::None => {
            (answer.verdict.confidence == Confidence::Proven).then_some("it is said to be proven that nothing is wrong")
        }
        None => (!answer.names(name)).then_some("the fault is not among the candidates"),
    }
}

#[test]
fn with_less_evidence_a_fault_is_called_less_surely_and_nothing_else_is() {
    let mut wrong = Vec::new();
    for case in CASES.iter() {
        let (truth, _) = expected(case.rule.name).unwrap();
        for answer in &case.answers {
            if let Some(flaw) = flaw(case, &truth, answer) {
                let fault = answer.verdict.fault.as_deref().unwrap_or("no fault");
                let (taken, side) = (answer.without(), word(answer.verdict.side));
                wrong.push(format!("{} without {taken}: {flaw} ({side}, {fault})", case.rule.name));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// The first answer to the case of `one` that leaves open whether it is the one or the other.
fn undecided(one: &Rule, other: &Rule) -> Option<&'static Answer> {
    case(one.name)?.answers.iter().find(|answer| answer.leaves_open(one.name, other.name))
}

/// The same with three pieces less, which is looked for only where nothing else is found.
fn undecided_with_three_less(one: &Rule, other: &Rule) -> Option<Answer> {
    case(one.name)?;
    let whole = read(one.name);
    let two = with_one_more(&whole, &pieces(&whole));
    let mut three = with_one_more(&whole, &two).into_iter().map(|(way, less)| answer(&way, &less));
    three.find(|answer| answer.leaves_open(one.name, other.name))
}

const OTHER_TRANSPORT: &str =
    "One of the two exists over one transport only, and every source shows which one is spoken.";
const NEVER_A_CAUSE: &str = "One of the two is never the cause of a verdict: it is told beside what caused it.";
const OTHER_SYMPTOM: &str =
    "Wherever one of the two is not certain, what still shows is a symptom that the other does not have.";

/// Why the case of one fault is never taken for the other, whatever is taken away.
fn kept_apart(case: &Case, other: &Rule) -> Option<&'static str> {
    if other.over.is_some_and(|only| case.transport.is_some_and(|spoken| spoken != only)) {
        return Some(OTHER_TRANSPORT);
    }
    let mut doubtful = case.answers.iter().filter(|answer| answer.verdict.side == Side::Unknown);
    let fits = |answer: &Answer| other.symptoms.iter().any(|symptom| answer.to_explain.contains(symptom));
    (!doubtful.any(fits)).then_some(OTHER_SYMPTOM)
}

/// Why neither of two faults is ever taken for the other.
fn never_confused(one: &Rule, other: &Rule) -> Option<&'static str> {
    let (Some(first), Some(second)) = (case(one.name), case(other.name)) else { return Some(NEVER_A_CAUSE) };
    let (there, back) = (kept_apart(first, other)?, kept_apart(second, one)?);
    Some(if there == back { there } else { OTHER_TRANSPORT })
}

/// The part of the page that tells of one symptom; pairs that nothing explains go to `missing`.
fn section(symptom: Symptom, missing: &mut Vec<String>) -> String {
    let faults = sharing(symptom);
    let mut rows: BTreeMap<(usize, String), Vec<&str>> = BTreeMap::new();
    let mut never: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (n, one) in faults.iter().enumerate() {
        for (m, other) in faults.iter().enumerate().filter(|(m, _)| *m != n) {
            if let Some(answer) = undecided(one, other) {
                rows.entry((n, told(answer))).or_default().push(other.name);
            } else if n < m && undecided(other, one).is_none() {
                let pair = format!("{} and {}", one.name, other.name);
                let (there, back) =
                    (|| undecided_with_three_less(one, other), || undecided_with_three_less(other, one));
                if let Some(why) = never_confused(one, other) {
                    never.entry(why).or_default().push(pair);
                } else if let Some(answer) = there() {
                    rows.entry((n, told(&answer))).or_default().push(other.name);
                } else if let Some(answer) = back() {
                    rows.entry((m, told(&answer))).or_default().push(one.name);
                } else {
                    missing.push(format!("{}: {pair}", symptom.name()));
                }
            }
        }
    }
    let mut text =
        format!("\n## {}\n\n| fault | is told from | by | without it |\n|---|---|---|---|\n", heading(symptom));
    for ((n, told), others) in rows {
        let name = faults[n].name;
        writeln!(text, "| [{name}]({name}.md) | {} | {told} |", others.join(", ")).unwrap();
    }
    for (why, pairs) in never {
        write!(text, "\n{why}\n{}.\n", pairs.join("; ")).unwrap();
    }
    text
}

fn heading(symptom: Symptom) -> String {
    let name = symptom.name();
    name[..1].to_uppercase() + &name[1..]
}

/// The last two columns: what was taken away, and what is answered then.
fn told(answer: &Answer) -> String {
    let many = answer.verdict.candidates.len();
    let said = match answer.verdict.fault.as_deref() {
        Some(fault) => format!("{fault} is suspected, {many} are named"),
        None => format!("{many} are named"),
    };
    format!("{} | {said}", answer.without())
}

#[test]
fn every_pair_is_told_apart_by_something_and_named_together_without_it() {
    let mut missing = Vec::new();
    let mut page = "# Look-alikes\n\n*Faults with the same symptom: which evidence tells one from the other, and what netdiag \
                    says without it.*\n\nEach row is a recorded case. With all its evidence netdiag names the fault in the \
                    first column and\nnone of those in the second. Without the evidence in the third it cannot tell, \
                    accuses nobody, and names them\nall as candidates, each with the look that would settle it. This page is \
                    generated: `NETDIAG_BLESS=1 cargo test --test\npure` writes it.\n"
        .to_owned();
    for symptom in Symptom::ALL {
        page += &section(symptom, &mut missing);
    }
    assert!(missing.is_empty(), "neither is ever left open, for no reason that is known:\n{}\n", missing.join("\n"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults/look-alikes.md");
    if std::env::var_os("NETDIAG_BLESS").is_some() {
        fs::write(&file, &page).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&file).unwrap_or_default(),
        page,
        "NETDIAG_BLESS=1 cargo test --test pure writes it anew; review what has become weaker"
    );
}
