//! What the runtimes' tracers report.
pub struct Listener;
pub struct Prepared {
    pub command: Vec<String>,
    pub env: Vec<(String, String)>,
}
impl Listener {
    pub fn open(_: super::clock::Clock, _: &std::path::Path) -> Result<Self, crate::evidence::Gap> {
        Ok(Self)
    }
    pub fn prepare(&self, _: crate::evidence::Role, _: usize, c: &[String]) -> Prepared {
        Prepared { command: c.to_vec(), env: vec![] }
    }
    pub fn ask_stacks(&self, _: std::time::Duration) {}
    pub fn finish(self, _: &super::clock::Clock) -> crate::evidence::Exceptions {
        Default::default()
    }
}
