//! Sends a message the way its notifier speaks.

use std::time::Duration;

use driftline_query::alert::{Message, Notifier, NotifierKind, options};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::http::Http;
use super::progress::Progress;
use super::request::{Context, Request};
use super::secrets::Secrets;
use super::{SendError, alertmanager, email, opsgenie, pagerduty, slack, sms, smtp, teams, webhook};

/// How often an Alertmanager is told of what still fires: five times before it would forget.
const RESEND: Duration = Duration::from_secs(60);
const _: () = assert!(RESEND.as_secs() * 2 <= alertmanager::HELD.as_secs());

/// What a sender is made with.
#[derive(Clone, Debug, Default)]
pub struct SenderOptions {
    /// Where people reach this database, if they can: receivers link to it.
    pub external_url: Option<String>,
    /// Certificates (PEM) of authorities that are trusted beside those of the web; empty without any.
    pub roots_pem: Vec<u8>,
}

/// Why no sender can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SenderError {
    /// The certificates of authorities cannot be read.
    #[error("the certificates of authorities cannot be read: {0}; give one or more in PEM")]
    Roots(String),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Sends messages.
pub struct Sender {
    http: Http,
    options: SenderOptions,
    progress: Progress,
}

impl Sender {
    /// A sender. It opens nothing before it sends.
    ///
    /// # Errors
    /// The certificates cannot be read.
    pub fn new(options: SenderOptions) -> Result<Self, SenderError> {
        let http = Http::new(roots(&options.roots_pem)?)?;
        Ok(Self { http, options, progress: Progress::default() })
    }

    /// Sends a message. `now` is nanoseconds since 1970, for what is dated and signed.
    ///
    /// A message of several requests goes on where the last attempt was told to come later. At least once: what was
    /// taken but not answered for is sent again, under the same id.
    ///
    /// # Errors
    /// See [`SendError`]. Of several requests, one that is refused does not keep the others back.
    pub async fn send(&self, notifier: &Notifier, message: &Message, now: i64) -> Result<(), SendError> {
        let external_url = self.options.external_url.as_deref();
        let context = Context { notifier, message, external_url, now };
        let secrets = Secrets::of(notifier);
        let sent = match notifier.kind {
            NotifierKind::Email => self.mail(&context).await,
            _ => self.requests(&context, &secrets).await,
        };
        sent.map_err(|error| error.map(|text| secrets.hide(&text)))
    }

    async fn mail(&self, context: &Context<'_>) -> Result<(), SendError> {
        let mail = email::mail(context)?;
        let own = &context.notifier.options;
        let (allow_private, timeout) = (options::allow_private(own), options::timeout(own));
        smtp::deliver(&mail, context, &self.options.roots_pem, allow_private, timeout).await
    }

    async fn requests(&self, context: &Context<'_>, secrets: &Secrets) -> Result<(), SendError> {
        let requests = requests(context)?;
        let mut refused = Ok(());
        for (i, request) in requests.iter().enumerate().skip(self.progress.take(context.message)) {
            match self.request(context, request, secrets).await {
                Err(later @ SendError::Later { .. }) => {
                    self.progress.keep(context.message, i);
                    return Err(later);
                }
                Err(error) => refused = Err(error),
                Ok(()) => {}
            }
        }
        refused
    }

    async fn request(
        &self,
        context: &Context<'_>,
        request: &Request,
        secrets: &Secrets,
    ) -> Result<(), SendError> {
        let own = &context.notifier.options;
        let answer = self.http.call(request, options::allow_private(own), options::timeout(own)).await?;
        answer.judge(request, secrets, context.now)
    }
}

/// How often a notifier wants to be told again of what still fires, whatever the alert's own repetition; None for
/// those that remember.
pub fn resend_every(kind: NotifierKind) -> Option<Duration> {
    (kind == NotifierKind::Alertmanager).then_some(RESEND)
}

/// The requests of a message, for all kinds but mail.
///
/// # Errors
/// An option is missing or wrong.
fn requests(context: &Context<'_>) -> Result<Vec<Request>, SendError> {
    match context.notifier.kind {
        NotifierKind::Slack => slack::requests(context),
        NotifierKind::Email => Ok(Vec::new()),
        NotifierKind::Webhook => webhook::requests(context),
        NotifierKind::PagerDuty => pagerduty::requests(context),
        NotifierKind::OpsGenie => opsgenie::requests(context),
        NotifierKind::Teams => teams::requests(context),
        NotifierKind::Alertmanager => alertmanager::requests(context),
        NotifierKind::Sms => sms::requests(context),
    }
}

fn roots(pem: &[u8]) -> Result<RootCertStore, SenderError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let own: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| SenderError::Roots(error.to_string()))?;
    if own.is_empty() && !pem.is_empty() {
        return Err(SenderError::Roots("there is none".to_owned()));
    }
    for certificate in own {
        roots.add(certificate)?;
    }
    Ok(roots)
}

#[cfg(test)]
mod tests;
