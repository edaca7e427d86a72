//! The detectors of streams against river (`tests/golden/make_streams.py`): every signal at the same row.

use std::collections::HashMap;

use driftline_query::stats::stream::{
    Adwin, AdwinParameters, Cusum, CusumParameters, Ddm, DdmParameters, Draw, Eddm, EddmParameters, HddmA,
    HddmAParameters, HddmW, HddmWParameters, Kswin, KswinParameters, PageHinkley, PageHinkleyMode,
    PageHinkleyParameters, Signal,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::mersenne::Mersenne;
use super::oracle::uniform;

/// A piece of a stream; see `piece()` in streams.py.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Piece {
    Cycle { n: usize, cycle: Vec<String> },
    Errors { seed: u64, n: usize, rate: String },
    Bell { seed: u64, n: usize, scale: String, shift: String, grid: String, slope: String },
}

impl Piece {
    pub fn values(&self) -> Vec<f64> {
        match self {
            Self::Cycle { n, cycle } => {
                let cycle: Vec<f64> = cycle.iter().map(|value| value.parse().unwrap()).collect();
                (0..*n).map(|row| cycle[row % cycle.len()]).collect()
            }
            Self::Errors { seed, n, rate } => {
                let rate: f64 = rate.parse().unwrap();
                (1..=*n as u64).map(|i| f64::from(uniform(*seed, i) < rate)).collect()
            }
            Self::Bell { seed, n, scale, shift, grid, slope } => {
                let numbers = [scale, shift, grid, slope].map(|text| text.parse::<f64>().unwrap());
                (0..*n).map(|row| bell(*seed, row, numbers)).collect()
            }
        }
    }
}

fn bell(seed: u64, row: usize, [scale, shift, grid, slope]: [f64; 4]) -> f64 {
    let u = |i| uniform(seed, 3 * row as u64 + i);
    let value = ((u(1) + u(2)) + (u(3) - 1.5)) * scale + shift + row as f64 * slope;
    if grid == 0.0 { value } else { (value / grid).floor() * grid }
}

#[derive(Deserialize)]
struct Case {
    name: String,
    pieces: Vec<Piece>,
    parameters: HashMap<String, String>,
    drifts: Vec<[usize; 2]>,
    warnings: Vec<[usize; 2]>,
    #[serde(default)]
    draws: Vec<Vec<usize>>,
}

impl Case {
    /// A parameter, where the case sets it.
    fn set<T: std::str::FromStr>(&self, name: &str, parameter: &mut T) {
        if let Some(text) = self.parameters.get(name) {
            *parameter = text.parse().ok().unwrap();
        }
    }

    fn expected(&self, row: usize) -> Signal {
        let within = |ranges: &[[usize; 2]]| ranges.iter().any(|[from, to]| (*from..=*to).contains(&row));
        match (within(&self.drifts), within(&self.warnings)) {
            (true, _) => Signal::Drift,
            (false, true) => Signal::Warning,
            (false, false) => Signal::None,
        }
    }

    /// The first row with another signal than river's.
    fn disagreement(&self, mut update: impl FnMut(f64) -> Signal) -> Option<String> {
        let values: Vec<f64> = self.pieces.iter().flat_map(Piece::values).collect();
        values.iter().enumerate().find_map(|(row, value)| {
            let (found, expected) = (update(*value), self.expected(row));
            (found != expected)
                .then(|| format!("{}: {found:?} at row {row}, the oracle {expected:?}", self.name))
        })
    }
}

/// Checks each case; all disagreements are shown together.
fn check(json: &str, disagreement: impl Fn(&Case) -> Option<String>) {
    let cases: Vec<Case> = serde_json::from_str(json).unwrap();
    assert!(cases.len() >= 30, "only {} cases", cases.len());
    let wrong: Vec<String> = cases.iter().filter_map(disagreement).collect();
    assert!(wrong.is_empty(), "{} of {} cases disagree:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Writes the detector down as the catalog would, and reads it back, every so many rows: it must not tell.
fn stopped_now_and_then<D: serde::Serialize + DeserializeOwned>(
    mut detector: D,
    update: fn(&mut D, f64) -> Signal,
) -> impl FnMut(f64) -> Signal {
    let mut rows = 0;
    move |value| {
        rows += 1;
        if rows % 97 == 0 {
            detector = serde_json::from_slice(&serde_json::to_vec(&detector).unwrap()).unwrap();
        }
        update(&mut detector, value)
    }
}

#[test]
fn adwin_is_rivers() {
    check(include_str!("../golden/adwin.json"), |case| {
        let mut parameters = AdwinParameters::default();
        case.set("delta", &mut parameters.delta);
        case.set("clock", &mut parameters.clock);
        case.set("max_buckets", &mut parameters.max_buckets);
        case.set("min_window_length", &mut parameters.min_window_length);
        case.set("grace_period", &mut parameters.grace_period);
        case.disagreement(stopped_now_and_then(Adwin::new(parameters).unwrap(), Adwin::update))
    });
}

#[test]
fn page_hinkley_is_rivers() {
    check(include_str!("../golden/page_hinkley.json"), |case| {
        let mut parameters = PageHinkleyParameters::default();
        case.set("min_instances", &mut parameters.min_instances);
        case.set("delta", &mut parameters.delta);
        case.set("threshold", &mut parameters.threshold);
        case.set("alpha", &mut parameters.alpha);
        parameters.mode = match case.parameters.get("mode").map(String::as_str) {
            Some("up") => PageHinkleyMode::Up,
            Some("down") => PageHinkleyMode::Down,
            _ => PageHinkleyMode::Both,
        };
        case.disagreement(stopped_now_and_then(PageHinkley::new(parameters).unwrap(), PageHinkley::update))
    });
}

#[test]
fn cusum_is_the_textbooks() {
    check(include_str!("../golden/cusum.json"), |case| {
        let mut parameters = CusumParameters::default();
        case.set("baseline_rows", &mut parameters.baseline_rows);
        case.set("slack", &mut parameters.slack);
        case.set("threshold", &mut parameters.threshold);
        case.disagreement(stopped_now_and_then(Cusum::new(parameters).unwrap(), Cusum::update))
    });
}

/// The rows that river draws, by the generator of its language.
struct Pythons {
    seed: u64,
    generator: Mersenne,
}

impl Draw for Pythons {
    fn draw(&mut self, below: usize, count: usize) -> Vec<usize> {
        self.generator.sample(below, count)
    }

    fn restart(&mut self) {
        self.generator = Mersenne::new(self.seed);
    }
}

fn pythons(case: &Case) -> Pythons {
    let mut seed = 42;
    case.set("seed", &mut seed);
    Pythons { seed, generator: Mersenne::new(seed) }
}

#[test]
fn draws_of_the_test_are_rivers() {
    check(include_str!("../golden/kswin.json"), |case| {
        let (mut size, mut count) = (100, 30);
        case.set("window_size", &mut size);
        case.set("stat_size", &mut count);
        let mut draw = pythons(case);
        let found = [(); 2].map(|()| draw.draw(size - count, count));
        (found.as_slice() != case.draws).then(|| format!("{}: {found:?}", case.name))
    });
}

#[test]
fn kswin_with_rivers_draws_is_rivers() {
    check(include_str!("../golden/kswin.json"), |case| {
        let mut parameters = KswinParameters::default();
        case.set("alpha", &mut parameters.alpha);
        case.set("window_size", &mut parameters.window_size);
        case.set("stat_size", &mut parameters.stat_size);
        let mut detector = Kswin::with_draw(parameters, pythons(case)).unwrap();
        case.disagreement(|value| detector.update(value))
    });
}

#[test]
fn ddm_is_rivers() {
    check(include_str!("../golden/ddm.json"), |case| {
        let mut parameters = DdmParameters::default();
        case.set("warm_start", &mut parameters.warm_start);
        case.set("warning_threshold", &mut parameters.warning_threshold);
        case.set("drift_threshold", &mut parameters.drift_threshold);
        case.disagreement(stopped_now_and_then(Ddm::new(parameters).unwrap(), Ddm::update))
    });
}

#[test]
fn eddm_is_rivers() {
    check(include_str!("../golden/eddm.json"), |case| {
        let mut parameters = EddmParameters::default();
        case.set("warm_start", &mut parameters.warm_start);
        case.set("alpha", &mut parameters.alpha);
        case.set("beta", &mut parameters.beta);
        case.disagreement(stopped_now_and_then(Eddm::new(parameters).unwrap(), Eddm::update))
    });
}

#[test]
fn hddm_a_is_rivers() {
    check(include_str!("../golden/hddm_a.json"), |case| {
        let mut parameters = HddmAParameters::default();
        case.set("drift_confidence", &mut parameters.drift_confidence);
        case.set("warning_confidence", &mut parameters.warning_confidence);
        case.set("two_sided_test", &mut parameters.two_sided);
        case.disagreement(stopped_now_and_then(HddmA::new(parameters).unwrap(), HddmA::update))
    });
}

#[test]
fn hddm_w_is_rivers() {
    check(include_str!("../golden/hddm_w.json"), |case| {
        let mut parameters = HddmWParameters::default();
        case.set("drift_confidence", &mut parameters.drift_confidence);
        case.set("warning_confidence", &mut parameters.warning_confidence);
        case.set("lambda_val", &mut parameters.lambda);
        case.set("two_sided_test", &mut parameters.two_sided);
        case.disagreement(stopped_now_and_then(HddmW::new(parameters).unwrap(), HddmW::update))
    });
}
