//! Logistic regression with a ridge penalty.

/// Newton's steps. A few bring it to the last digits.
const STEPS_MAX: usize = 50;
/// Steps of the conjugate gradients that solve for one of Newton's.
const SOLVER_STEPS_MAX: usize = 1_000;
/// Ends the steps, as the share of the first gradient.
const CONVERGED: f64 = 1e-11;
/// Halvings of a step that does not bring the loss down.
const HALVINGS_MAX: u32 = 30;
/// The penalty is this times half the squared weights.
const RIDGE: f64 = 1.0;

/// A taught classifier. The last weight is the intercept.
pub(super) struct Logistic {
    weights: Vec<f64>,
    /// The mean of each component and what its distance is multiplied by; 0 for a constant one.
    scales: Vec<(f64, f64)>,
}

impl Logistic {
    /// Minimises the sum over rows of `ln(1 + exp(∓ score))` plus the penalty, by Newton's method; the linear equations
    /// are solved by conjugate gradients, so that no matrix of components by components is kept.
    pub fn taught(rows: &[(&[f32], bool)], dimension: usize) -> Self {
        let scales: Vec<(f64, f64)> = (0..dimension).map(|component| scale(rows, component)).collect();
        let inputs: Vec<Vec<f64>> = rows.iter().map(|(row, _)| scaled(row, &scales)).collect();
        let signs: Vec<f64> =
            rows.iter().map(|(_, is_current)| if *is_current { 1.0 } else { -1.0 }).collect();
        let task = Task { inputs, signs };
        let mut weights = vec![0.0; dimension + 1];
        let mut first = None;
        for _ in 0..STEPS_MAX {
            let (gradient, curvatures) = task.slopes(&weights);
            let size = dot(&gradient, &gradient).sqrt();
            if size <= CONVERGED * *first.get_or_insert(size) {
                break;
            }
            let step = task.newton_step(&gradient, &curvatures);
            if !task.advance(&mut weights, &step) {
                break;
            }
        }
        Self { weights, scales }
    }

    pub fn score(&self, row: &[f32]) -> f64 {
        dot(&scaled(row, &self.scales), &self.weights)
    }
}

/// Rows to learn from, each with a last component of 1, and +1 or -1 for what they are.
struct Task {
    inputs: Vec<Vec<f64>>,
    signs: Vec<f64>,
}

impl Task {
    fn loss(&self, weights: &[f64]) -> f64 {
        let of_row = |(input, sign): (&Vec<f64>, &f64)| {
            let margin = sign * dot(input, weights);
            (-margin.abs()).exp().ln_1p() + (-margin).max(0.0)
        };
        self.inputs.iter().zip(&self.signs).map(of_row).sum::<f64>() + dot(weights, &ridge(weights)) / 2.0
    }

    /// The gradient, and the second derivative of each row's loss.
    fn slopes(&self, weights: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut gradient = ridge(weights);
        let mut curvatures = Vec::with_capacity(self.signs.len());
        for (input, sign) in self.inputs.iter().zip(&self.signs) {
            let wrong = 1.0 / (1.0 + (sign * dot(input, weights)).exp());
            add(&mut gradient, input, -sign * wrong);
            curvatures.push(wrong * (1.0 - wrong));
        }
        (gradient, curvatures)
    }

    /// The second derivatives in one direction.
    fn curve(&self, curvatures: &[f64], direction: &[f64]) -> Vec<f64> {
        let mut sum = ridge(direction);
        for (input, curvature) in self.inputs.iter().zip(curvatures) {
            add(&mut sum, input, curvature * dot(input, direction));
        }
        sum
    }

    fn newton_step(&self, gradient: &[f64], curvatures: &[f64]) -> Vec<f64> {
        let mut step = vec![0.0; gradient.len()];
        let mut rest: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
        let mut direction = rest.clone();
        let first = dot(&rest, &rest);
        let mut size = first;
        for _ in 0..SOLVER_STEPS_MAX {
            let curve = self.curve(curvatures, &direction);
            let along = dot(&direction, &curve);
            if along <= 0.0 || size <= first * CONVERGED * CONVERGED {
                break;
            }
            add(&mut step, &direction, size / along);
            add(&mut rest, &curve, -size / along);
            let next = dot(&rest, &rest);
            direction.iter_mut().zip(&rest).for_each(|(d, r)| *d = r + *d * (next / size));
            size = next;
        }
        step
    }

    /// Goes the step, or so much of it that the loss does not rise. Whether it went at all.
    fn advance(&self, weights: &mut Vec<f64>, step: &[f64]) -> bool {
        let before = self.loss(weights);
        let tried = |halvings: u32| {
            let mut there = weights.clone();
            add(&mut there, step, 0.5_f64.powi(halvings as i32));
            there
        };
        let found = (0..HALVINGS_MAX).map(tried).find(|there| self.loss(there) <= before);
        found.map(|there| *weights = there).is_some()
    }
}

/// The penalty's gradient: all weights but the intercept.
fn ridge(weights: &[f64]) -> Vec<f64> {
    let mut gradient: Vec<f64> = weights.iter().map(|weight| RIDGE * weight).collect();
    gradient.iter_mut().rev().take(1).for_each(|intercept| *intercept = 0.0);
    gradient
}

fn scale(rows: &[(&[f32], bool)], component: usize) -> (f64, f64) {
    let values = || rows.iter().filter_map(|(row, _)| row.get(component).map(|value| f64::from(*value)));
    let count = rows.len() as f64;
    let mean = values().sum::<f64>() / count;
    let deviation = (values().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    // What rounding leaves of a constant is no deviation.
    (mean, if deviation > 1e-12 * mean.abs() { 1.0 / deviation } else { 0.0 })
}

/// A row as the classifier takes it: scaled, and 1 for the intercept.
fn scaled(row: &[f32], scales: &[(f64, f64)]) -> Vec<f64> {
    let components = row.iter().zip(scales).map(|(value, (mean, scale))| (f64::from(*value) - mean) * scale);
    components.chain([1.0]).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], what: &[f64], times: f64) {
    to.iter_mut().zip(what).for_each(|(to, what)| *to += what * times);
}
