//! Hands a mail to a mail server.

use std::net::SocketAddr;
use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::{AsyncSmtpTransport, Error};
use lettre::{AsyncTransport, Message as Mail, Tokio1Executor};

use super::request::Context;
use super::secrets::Secrets;
use super::{SendError, cut, guard};

/// Characters of the server's answer that an error shows.
const SHOWN_CHARS_MAX: usize = 200;
/// How long one address is tried before the next one.
const CONNECT_MAX: Duration = Duration::from_secs(3);
const PORT_STARTTLS: u16 = 587;
const PORT_TLS: u16 = 465;
const PORT_PLAIN: u16 = 25;

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Delivers the mail to the server that the options name.
///
/// # Errors
/// The server does not take it, in time or at all, or the guard refuses its address.
pub(super) async fn deliver(
    mail: &Mail,
    context: &Context<'_>,
    roots_pem: &[u8],
    allow_private: bool,
    timeout: Duration,
) -> Result<(), SendError> {
    let host = context.needed("smtp")?;
    let sending = try_all(mail, context, host, roots_pem, allow_private);
    match tokio::time::timeout(timeout, sending).await {
        Ok(sent) => sent,
        Err(_) => {
            Err(SendError::later(format!("{host} did not take the mail within {} s", timeout.as_secs_f64())))
        }
    }
}

async fn try_all(
    mail: &Mail,
    context: &Context<'_>,
    host: &str,
    roots_pem: &[u8],
    allow_private: bool,
) -> Result<(), SendError> {
    let secrets = Secrets::of(context.notifier);
    let mut failure = SendError::later(format!("{host} has no address"));
    for address in guard::addresses(host, port(context), allow_private).await? {
        let transport = transport(context, host, address, roots_pem)?;
        match transport.send(mail.clone()).await {
            Ok(_) => return Ok(()),
            // A server that answered speaks for all addresses of its name; asked twice it might take the mail twice.
            Err(error) if error.status().is_some() => return Err(judge(host, &error, &secrets)),
            Err(error) => failure = judge(host, &error, &secrets),
        }
    }
    Err(failure)
}

fn port(context: &Context<'_>) -> u16 {
    let default = match context.option("tls") {
        Some("tls") => PORT_TLS,
        Some("none") => PORT_PLAIN,
        _ => PORT_STARTTLS,
    };
    context.option("port").and_then(|port| port.parse().ok()).unwrap_or(default)
}

/// Connects to the address that was judged; the name is held against the certificate only.
fn transport(
    context: &Context<'_>,
    host: &str,
    address: SocketAddr,
    roots_pem: &[u8],
) -> Result<Transport, SendError> {
    let tls = match context.option("tls") {
        Some("none") => Tls::None,
        Some("tls") => Tls::Wrapper(parameters(host, roots_pem)?),
        // Never without, even where the server does not offer it: whoever sits between can hide the offer.
        _ => Tls::Required(parameters(host, roots_pem)?),
    };
    let builder = Transport::builder_dangerous(address.ip().to_string());
    let builder = builder.port(address.port()).tls(tls).timeout(Some(CONNECT_MAX));
    let builder = match (context.option("username"), context.option("password")) {
        (Some(user), Some(password)) => {
            builder.credentials(Credentials::new(user.to_owned(), password.to_owned()))
        }
        _ => builder,
    };
    Ok(builder.build())
}

fn parameters(host: &str, roots_pem: &[u8]) -> Result<TlsParameters, SendError> {
    let broken = |error: Error| SendError::Refused(format!("no TLS can be set up for {host}: {error}"));
    let mut builder = TlsParameters::builder(host.to_owned());
    if !roots_pem.is_empty() {
        builder = builder.add_root_certificate(Certificate::from_pem(roots_pem).map_err(broken)?);
    }
    builder.build_rustls().map_err(broken)
}

fn judge(host: &str, error: &Error, secrets: &Secrets) -> SendError {
    let said = cut::chars(&cut::line(&secrets.hide(&error.to_string())), SHOWN_CHARS_MAX);
    let what = format!("{host} did not take the mail: {said}");
    // A client's error is about the mail: an address that the server cannot take.
    if error.is_permanent() || error.is_client() { SendError::Refused(what) } else { SendError::later(what) }
}
