//! The survey of the capture ladder through the real binary, as root, as nobody and where namespaces are exhausted.

#![allow(clippy::unwrap_used, reason = "a test's helper functions fail like the test")]

use std::process::Command;

use crate::stand::{AS_NOBODY, NETDIAG, Public};

/// The report of `netdiag doctor --json`, run by the given wrapper.
fn doctor(wrapper: &[&str], binary: &str) -> serde_json::Value {
    let mut words = wrapper.iter().copied().chain([binary, "doctor", "--json"]);
    let output = Command::new(words.next().unwrap()).args(words).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn rung(report: &serde_json::Value, name: &str) -> serde_json::Value {
    let rungs = report["rungs"].as_array().unwrap();
    rungs.iter().find(|state| state["rung"] == name).unwrap()["closed"].clone()
}

#[test]
fn every_rung_is_told_and_the_last_one_is_always_open() {
    let report = doctor(&[], NETDIAG);
    assert_eq!(report["schema"], "netdiag/doctor/v1");
    assert_eq!(report["rungs"].as_array().unwrap().len(), 4);
    assert!(rung(&report, "no-capture").is_null());
}

#[test]
fn exhausted_namespaces_close_the_first_rung_and_the_remedy_names_the_limit() {
    let exhausted = "echo 0 > /proc/sys/user/max_net_namespaces; exec \"$@\"";
    let possible = Command::new("unshare").args(["-Ur", "true"]).status().is_ok_and(|status| status.success());
    if !possible {
        // Then this machine itself is the case to test.
        assert!(rung(&doctor(&[], NETDIAG), "namespace")["remedy"].is_string());
        return;
    }
    let report = doctor(&["unshare", "-Ur", "sh", "-c", exhausted, "sh"], NETDIAG);
    let closed = rung(&report, "namespace");
    assert!(closed["why"].as_str().unwrap().contains("No space left"), "{closed}");
    assert!(closed["remedy"].as_str().unwrap().contains("max_net_namespaces"), "{closed}");
    assert_ne!(report["uses"]["run"], "namespace");
}

#[test]
fn an_unprivileged_user_gets_the_same_first_rung_as_root() {
    if !nix::unistd::geteuid().is_root() {
        return; // everything above ran as one
    }
    // A copy, since nobody may not be allowed into the build directory.
    let public = Public::new();
    let copy = public.binary();
    let (root, nobody) = (doctor(&[], NETDIAG), doctor(&AS_NOBODY, copy.to_str().unwrap()));
    assert_eq!(rung(&root, "namespace"), rung(&nobody, "namespace"));
    assert!(rung(&nobody, "host-loopback")["remedy"].as_str().unwrap().contains("setcap"));
}
