//! Table functions over the values of a column in the order of time: which rows they read, and how the values come to
//! what is made of them ([`Work`]), segment by segment.

mod exec;
mod expression;
mod provider;
mod report;
mod request;
mod worker;

pub(super) use expression::Expressions;
pub(super) use provider::{ValuesTable, source_of};
pub(super) use report::{Report, time, time_field};
pub(super) use request::Request;
pub(super) use worker::{Segment, Work};
