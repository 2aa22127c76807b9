//! The labs that come with netdiag, embedded so that an installed netdiag needs no files.

const LABS: &[(&str, &str)] = &[
    ("async-echo", include_str!("../../scenarios/labs/async-echo.toml")),
    ("async-echo-homework", include_str!("../../scenarios/labs/async-echo-homework.toml")),
    ("line-echo", include_str!("../../scenarios/labs/line-echo.toml")),
    ("select-echo", include_str!("../../scenarios/labs/select-echo.toml")),
    ("asyncio-udp", include_str!("../../scenarios/labs/asyncio-udp.toml")),
    ("asyncio-lecture", include_str!("../../scenarios/labs/asyncio-lecture.toml")),
];

/// All names.
pub fn names() -> impl Iterator<Item = &'static str> {
    LABS.iter().map(|(name, _)| *name)
}

/// The text of the lab called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static str> {
    LABS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lab_reads_and_is_worth_a_hundred_points() {
        for name in names() {
            let lab = crate::grade::lab::parse(name, find(name).unwrap()).unwrap_or_else(|error| panic!("{error:#}"));
            assert!((lab.points() - 100.0).abs() < 1e-9, "{name}: {}", lab.points());
        }
    }
}
