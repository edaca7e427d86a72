/// A disk in memory that can crash and fail.
#[derive(Clone, Debug)]
pub struct SimDisk {}
/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub enum Fault {}
