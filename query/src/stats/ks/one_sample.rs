//! The law of the two-sided statistic of one sample of finite size.
//!
//! No single formula is both exact and fast everywhere. The choice among them is that of Simard and L'Ecuyer (2011) as
//! scipy's `kstwo` makes it, so that the values agree with scipy's also where a formula is an approximation: for more
//! than 140 values and p above about 0.02 it is good to some five digits, elsewhere to ten and more.

use std::f64::consts::PI;

use super::smirnov;

/// Up to this size the law is evaluated exactly wherever Miller's approximation is not exact itself.
const SMALL_SIZE_MAX: f64 = 140.0;
/// Up to this size (and near the lower end) the matrix stays small enough for larger samples as well.
const MATRIX_SIZE_MAX: f64 = 100_000.0;
/// Powers of two by which the matrix is scaled, so that it neither overflows nor vanishes.
const SCALE_BITS: i32 = 128;

/// The chance that the empirical distribution function of `n` values (a whole number, at least 1) is somewhere
/// `x` or more away from the true one.
pub(super) fn survival(x: f64, n: f64) -> f64 {
    let t = n * x;
    let probability = if x >= 1.0 {
        0.0
    } else if t <= 0.5 {
        1.0
    } else if t <= 1.0 {
        1.0 - least_distances(n, t)
    } else if t >= n - 1.0 {
        2.0 * (n * (-x).ln_1p()).exp()
    } else if x >= 0.5 {
        2.0 * smirnov::survival(n, x)
    } else if n <= SMALL_SIZE_MAX {
        small_sample(n, x)
    } else {
        large_sample(n, x)
    };
    probability.clamp(0.0, 1.0)
}

/// Up to 140 values. Twice the one-sided law (Miller 1956) counts paths that leave on both sides twice; past
/// `n x² = 4` those no longer count.
fn small_sample(n: f64, x: f64) -> f64 {
    if n * x * x > 4.0 { 2.0 * smirnov::survival(n, x) } else { 1.0 - durbin(n, x) }
}

fn large_sample(n: f64, x: f64) -> f64 {
    let square = n * x * x;
    if square >= 370.0 {
        0.0
    } else if square >= 2.2 {
        2.0 * smirnov::survival(n, x)
    } else if n <= MATRIX_SIZE_MAX && n * x.powf(1.5) <= 1.4 {
        1.0 - durbin(n, x)
    } else {
        1.0 - pelz_good(n, x)
    }
}

/// The law where `1/2 <= t = n x <= 1` (Ruben and Gambino 1982): `n! / n^n (2t - 1)^n`.
fn least_distances(n: f64, t: f64) -> f64 {
    let log = 0.5 * (2.0 * PI * n).ln() + smirnov::stirling_error(n) - n;
    (log + n * (2.0 * t - 1.0).ln()).exp()
}

/// Durbin's law (1973) by the matrix of Marsaglia, Tsang and Wang (2003): with `n x = k - h`, `0 <= h < 1`, it is
/// `n! / n^n` times the middle element of the n-th power of a matrix of `2 k - 1` rows. All elements are positive, so
/// no digits are lost.
fn durbin(n: f64, x: f64) -> f64 {
    let k = (n * x).ceil();
    let middle = k as usize - 1;
    let power = Matrix::durbin(2 * k as usize - 1, k - n * x).power(n as u64, middle);
    let mut value = power.at(middle, middle);
    let mut exponent = power.exponent;
    for i in 1..=n as u64 {
        value *= i as f64 / n;
        if value < (2.0_f64).powi(-SCALE_BITS) {
            value *= (2.0_f64).powi(SCALE_BITS);
            exponent -= SCALE_BITS;
        }
    }
    value * (2.0_f64).powi(exponent)
}

/// A square matrix times a power of two.
struct Matrix {
    size: usize,
    elements: Vec<f64>,
    exponent: i32,
}

impl Matrix {
    fn durbin(size: usize, h: f64) -> Self {
        let mut matrix = Self { size, elements: vec![0.0; size * size], exponent: 0 };
        let mut inverse_factorials = vec![1.0; size + 1];
        for i in 1..=size {
            inverse_factorials[i] = inverse_factorials[i - 1] / i as f64;
        }
        for row in 0..size {
            for column in 0..size.min(row + 2) {
                *matrix.at_mut(row, column) = inverse_factorials[row + 1 - column];
            }
        }
        for i in 0..size {
            let edge = (1.0 - h.powi(i as i32 + 1)) * inverse_factorials[i + 1];
            *matrix.at_mut(i, 0) = edge;
            *matrix.at_mut(size - 1, size - 1 - i) = edge;
        }
        let order = size as i32;
        let corner = 1.0 - 2.0 * h.powi(order) + (2.0 * h - 1.0).max(0.0).powi(order);
        *matrix.at_mut(size - 1, 0) = corner * inverse_factorials[size];
        matrix
    }

    fn identity(size: usize) -> Self {
        let mut matrix = Self { size, elements: vec![0.0; size * size], exponent: 0 };
        (0..size).for_each(|i| *matrix.at_mut(i, i) = 1.0);
        matrix
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.elements[row * self.size + column]
    }

    fn at_mut(&mut self, row: usize, column: usize) -> &mut f64 {
        &mut self.elements[row * self.size + column]
    }

    fn times(&self, other: &Self) -> Self {
        let size = self.size;
        let mut elements = vec![0.0; size * size];
        for (row, out) in self.elements.chunks_exact(size).zip(elements.chunks_exact_mut(size)) {
            for (factor, from) in row.iter().zip(other.elements.chunks_exact(size)) {
                out.iter_mut().zip(from).for_each(|(out, element)| *out += factor * element);
            }
        }
        Self { size, elements, exponent: self.exponent + other.exponent }
    }

    /// The `n`-th power, scaled by its middle element.
    fn power(self, mut n: u64, middle: usize) -> Self {
        let mut result = Self::identity(self.size);
        let mut square = self;
        while n > 0 {
            if n & 1 == 1 {
                result = result.times(&square).scaled(middle);
            }
            n >>= 1;
            if n > 0 {
                square = square.times(&square).scaled(middle);
            }
        }
        result
    }

    fn scaled(mut self, middle: usize) -> Self {
        if self.at(middle, middle) > (2.0_f64).powi(SCALE_BITS) {
            let scale = (2.0_f64).powi(-SCALE_BITS);
            self.elements.iter_mut().for_each(|element| *element *= scale);
            self.exponent += SCALE_BITS;
        }
        self
    }
}

/// Pelz and Good's expansion (1976) of the law in powers of `1 / sqrt(n)`, each coefficient in the form that converges
/// for small `z = x sqrt(n)`.
fn pelz_good(n: f64, x: f64) -> f64 {
    let z = x * n.sqrt();
    let (odd, all) = (PI * PI / (8.0 * z * z), PI * PI / (2.0 * z * z));
    // Past `16 z / pi` terms what follows is below the last digit of the first.
    let terms = (16.0 * z / PI).ceil() as u32;
    let mut sums = [0.0; 4];
    for k in (1..=terms).rev() {
        let (odd_index, index) = (f64::from(2 * k - 1), f64::from(k));
        let weight = (-odd * odd_index * odd_index).exp();
        add_scaled(&mut sums, odd_terms(z, odd_index * odd_index * PI * PI / 4.0), weight);
        let weight = (-all * index * index).exp();
        add_scaled(&mut sums, all_terms(z, index * index * PI * PI), weight);
    }
    let root = n.sqrt();
    (2.0 * PI).sqrt() * (sums[0] + (sums[1] + (sums[2] + sums[3] / root) / root) / root)
}

fn add_scaled(sums: &mut [f64; 4], terms: [f64; 4], weight: f64) {
    sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += weight * term);
}

/// Terms of K0 to K3 over the odd integers `m`, for `s = (m pi / 2)²`.
fn odd_terms(z: f64, s: f64) -> [f64; 4] {
    let (z2, z4) = (z * z, z.powi(4));
    let z6 = z2 * z4;
    let k1 = s - z2;
    let k2 = 6.0 * z6 + 2.0 * z4 + s * (2.0 * z4 - 5.0 * z2) + s * s * (1.0 - 2.0 * z2);
    let k3 = s.powi(3) * (5.0 - 30.0 * z2) + s * s * (212.0 * z4 - 60.0 * z2) + s * (135.0 * z4 - 96.0 * z6)
        - 30.0 * z6
        - 90.0 * z4 * z4;
    [1.0 / z, k1 / (6.0 * z4), k2 / (72.0 * z.powi(7)), k3 / (6_480.0 * z.powi(10))]
}

/// Terms of K2 and K3 over all integers `k`, for `s = (k pi)²`.
fn all_terms(z: f64, s: f64) -> [f64; 4] {
    let k2 = -s / (36.0 * z.powi(3));
    let k3 = s * (3.0 * z * z - s) / (216.0 * z.powi(6));
    [0.0, 0.0, k2, k3]
}
