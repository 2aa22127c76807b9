//! tokio tasks through the console interface.
pub fn read(
    _: &str,
    _: Option<crate::evidence::Role>,
    _: &super::clock::Clock,
    _: std::time::Duration,
) -> Result<crate::evidence::Tasks, crate::evidence::Gap> {
    Err(crate::evidence::Gap::new("tasks", "x", "y"))
}
