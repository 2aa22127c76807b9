use std::collections::BTreeMap;
use netdiag::diagnosis::examine;
use netdiag::rules::RULES;
use super::catalogue::{cases, read, word};
use super::pieces::{SOURCES, PARTS};

#[test]
fn explore() {
    let mut hist: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for rule in RULES {
        if !cases().contains(rule.name) { continue; }
        let whole = read(rule.name);
        let v = examine(&whole).verdict;
        println!("## {} {} {:?} {:?}", rule.name, word(v.side), v.fault, v.confidence);
        for (name, cover) in SOURCES.iter().chain(&PARTS) {
            let mut less = whole.clone();
            cover(&mut less);
            if less == whole { continue; }
            let v = examine(&less).verdict;
            let c: Vec<_> = v.candidates.iter().map(|c| c.fault.clone()).collect();
            let has = c.iter().any(|c| c == rule.name);
            let same = v.fault.as_deref() == Some(rule.name);
            println!("   -{name}: {} {:?} {:?} {} {} {c:?}", word(v.side), v.fault.clone().unwrap_or_default(), v.confidence, c.len(), if same {"SAME"} else if has {"among"} else {"MISSING"});
            hist.entry(name.to_string()).or_default().push(c.len());
        }
    }
    println!("{hist:?}");
}
