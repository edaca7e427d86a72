//! A webhook: Alertmanager's body, signed by Standard Webhooks where there is a secret.

use super::request::{Context, Request};
use super::{SendError, alertmanager, sign, times};

/// One request.
///
/// # Errors
/// An option is missing or wrong.
pub(super) fn requests(context: &Context<'_>) -> Result<Vec<Request>, SendError> {
    let request = Request::json(context.address("url", None)?, &alertmanager::body(context));
    let request = request.signed_in(context).customized(context)?;
    let (id, seconds) = (&context.message.id, times::seconds(context.now));
    // Without a secret too: the id is how a receiver finds out that it has this message already.
    let request = request.header("webhook-id", id.as_str()).header("webhook-timestamp", seconds.to_string());
    let Some(secrets) = context.option("secret") else { return Ok(vec![request]) };
    let signature = sign::signature(secrets, id, seconds, &request.body)
        .map_err(|error| SendError::Refused(format!("notifier {}: {error}", context.notifier.name)))?;
    Ok(vec![request.header("webhook-signature", signature)])
}

#[cfg(test)]
mod tests;
