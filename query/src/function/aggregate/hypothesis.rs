//! Tests of two samples of numbers, from (x, is_current): `anderson_darling`, `cramer_von_mises`, `mann_whitney`, `welch_t`
//! and `levene`, each with `_statistic` and `_pvalue`; and `energy_distance`, which has none.

use datafusion::common::Result;
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::function::AccumulatorArgs;

use super::Definition;
use super::numbers::Numbers;
use super::two_samples::{X_CURRENT, define, of_x_and_current};
use crate::function::argument::constant_choice;
use crate::function::parameter::{Kind, Parameter, optional, required};
use crate::stats::{
    Center, Outcome, anderson_darling, cramer_von_mises, energy_distance, levene, mann_whitney, welch_t,
};

const X_CURRENT_CENTER: &[Parameter] =
    &[required("x", Kind::Number), required("is_current", Kind::Flag), optional("center", Kind::Text)];

const CENTERS: &[(&str, Center)] = &[("median", Center::Median), ("mean", Center::Mean)];

pub(super) const DEFINITIONS: &[Definition] = &[
    define("anderson_darling_statistic", X_CURRENT, |_| {
        of_x_and_current(|r, c| statistic(anderson_darling, r, c))
    }),
    define("anderson_darling_pvalue", X_CURRENT, |_| {
        of_x_and_current(|r, c| p_value(anderson_darling, r, c))
    }),
    define("cramer_von_mises_statistic", X_CURRENT, |_| {
        of_x_and_current(|r, c| statistic(cramer_von_mises, r, c))
    }),
    define("cramer_von_mises_pvalue", X_CURRENT, |_| {
        of_x_and_current(|r, c| p_value(cramer_von_mises, r, c))
    }),
    define("mann_whitney_statistic", X_CURRENT, |_| of_x_and_current(|r, c| statistic(mann_whitney, r, c))),
    define("mann_whitney_pvalue", X_CURRENT, |_| of_x_and_current(|r, c| p_value(mann_whitney, r, c))),
    define("welch_t_statistic", X_CURRENT, |_| of_x_and_current(|r, c| statistic(welch_t, r, c))),
    define("welch_t_pvalue", X_CURRENT, |_| of_x_and_current(|r, c| p_value(welch_t, r, c))),
    define("levene_statistic", X_CURRENT_CENTER, levene_statistic),
    define("levene_pvalue", X_CURRENT_CENTER, levene_p_value),
    define("energy_distance", X_CURRENT, |_| {
        of_x_and_current(|r, c| energy_distance(&r.points(), &c.points()))
    }),
];

/// A test of ascending numbers with their counts.
type Test = fn(&[(f64, u64)], &[(f64, u64)]) -> Option<Outcome>;

fn statistic(test: Test, reference: &mut Numbers, current: &mut Numbers) -> Option<f64> {
    test(&reference.points(), &current.points()).map(|outcome| outcome.statistic)
}

fn p_value(test: Test, reference: &mut Numbers, current: &mut Numbers) -> Option<f64> {
    test(&reference.points(), &current.points()).map(|outcome| outcome.p_value)
}

fn levene_statistic(args: &AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
    match center(args)? {
        Center::Median => of_x_and_current(|r, c| statistic(by_median, r, c)),
        Center::Mean => of_x_and_current(|r, c| statistic(by_mean, r, c)),
    }
}

fn levene_p_value(args: &AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
    match center(args)? {
        Center::Median => of_x_and_current(|r, c| p_value(by_median, r, c)),
        Center::Mean => of_x_and_current(|r, c| p_value(by_mean, r, c)),
    }
}

/// The median unless told: it holds for skewed values as well.
fn center(args: &AccumulatorArgs<'_>) -> Result<Center> {
    Ok(constant_choice(args, 2, "center", CENTERS)?.unwrap_or(Center::Median))
}

fn by_median(reference: &[(f64, u64)], current: &[(f64, u64)]) -> Option<Outcome> {
    levene(reference, current, Center::Median)
}

fn by_mean(reference: &[(f64, u64)], current: &[(f64, u64)]) -> Option<Outcome> {
    levene(reference, current, Center::Mean)
}
