//! Standard Webhooks 1.0: who has the secret can tell that a message is ours, and is not an old one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// The header `webhook-signature`: a signature a secret, separated by spaces, so that a receiver may have the old
/// secret or the new one while it is changed.
///
/// `secrets` are `whsec_` and base64, separated by white space.
///
/// # Errors
/// A secret is none; it is not repeated.
pub(super) fn signature(secrets: &str, id: &str, seconds: i64, body: &[u8]) -> Result<String, String> {
    let signatures = secrets.split_whitespace().map(|secret| one(secret, id, seconds, body));
    Ok(signatures.collect::<Result<Vec<_>, _>>()?.join(" "))
}

fn one(secret: &str, id: &str, seconds: i64, body: &[u8]) -> Result<String, String> {
    let code = secret.strip_prefix("whsec_").and_then(|code| STANDARD.decode(code).ok());
    let code = code.ok_or("a secret is not 'whsec_' and base64; make one with openssl rand -base64 32")?;
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &code));
    context.update(format!("{id}.{seconds}.").as_bytes());
    context.update(body);
    Ok(format!("v1,{}", STANDARD.encode(context.sign())))
}

#[cfg(test)]
mod tests;
