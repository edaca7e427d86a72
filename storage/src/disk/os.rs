/// The machine's file system.
#[derive(Debug)]
pub struct OsDisk {}
