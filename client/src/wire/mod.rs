//! The messages and stubs of `server/proto`, made by `generated_code_is_current` of the `tests` crate; nobody edits
//! them by hand.

#[expect(
    missing_docs,
    clippy::allow_attributes,
    clippy::default_trait_access,
    clippy::doc_markdown,
    reason = "generated; the protocol file carries the documentation"
)]
mod generated {
    include!("driftline.v1.rs");
}

pub use generated::*;

/// The protocol as a `FileDescriptorSet`, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("driftline.v1.bin");
