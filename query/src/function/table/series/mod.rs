//! Table functions over a whole series: `changepoints`, `period`, `forecast`.

mod buckets;
mod changepoints;
mod collected;
mod forecast;
mod period;

pub(super) use changepoints::CHANGEPOINTS;
pub(super) use forecast::FORECAST;
pub(super) use period::PERIOD;
