//! What a ticket of ours says: it comes back from the network, hence is parsed like anything else.

use arrow_flight::sql::{ProstMessageExt, TicketStatementQuery};
use bytes::Bytes;
use prost::Message;
use tonic::Status;

const QUERY: &[u8] = b"query/";
const COUNT: &[u8] = b"count/";

/// What to fetch.
#[derive(Debug, PartialEq)]
pub enum StatementTicket {
    /// The rows of a query, by its handle.
    Query(Bytes),
    /// The answer of a statement that has been run already: it must not run again with each fetch.
    Count(i64),
}

impl StatementTicket {
    /// The ticket as Flight SQL carries it.
    pub fn encode(&self) -> Bytes {
        let handle = match self {
            Self::Query(handle) => [QUERY, handle].concat(),
            Self::Count(count) => [COUNT, count.to_string().as_bytes()].concat(),
        };
        TicketStatementQuery { statement_handle: handle.into() }.as_any().encode_to_vec().into()
    }

    /// The ticket that a client brought.
    pub fn decode(ticket: &TicketStatementQuery) -> Result<Self, Status> {
        let handle = &ticket.statement_handle;
        if let Some(query) = handle.strip_prefix(QUERY) {
            return Ok(Self::Query(Bytes::copy_from_slice(query)));
        }
        let count = handle.strip_prefix(COUNT).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        count
            .map(Self::Count)
            .ok_or_else(|| Status::invalid_argument("this ticket is not one of this server's"))
    }
}

#[cfg(test)]
mod tests {
    use arrow_flight::sql::{Any, Command};

    use super::*;

    #[test]
    fn tickets_come_back_as_they_went() {
        for ticket in [StatementTicket::Query(Bytes::from_static(&[1; 16])), StatementTicket::Count(-3)] {
            let any = Any::decode(ticket.encode()).unwrap();
            let Ok(Command::TicketStatementQuery(message)) = Command::try_from(any) else {
                panic!("{ticket:?}")
            };
            assert_eq!(StatementTicket::decode(&message).unwrap(), ticket);
        }
    }

    #[test]
    fn foreign_tickets_are_refused() {
        for handle in [&b""[..], b"count/", b"count/x", b"count/99999999999999999999", b"else"] {
            let ticket = TicketStatementQuery { statement_handle: Bytes::copy_from_slice(handle) };
            assert!(StatementTicket::decode(&ticket).is_err(), "{handle:?}");
        }
    }
}
