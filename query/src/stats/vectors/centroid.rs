//! Distances between the means of two samples of vectors.

use super::{Vectors, shared_dimension};
use crate::stats::pooled::Sum;

/// The Euclidean distance between the means of two samples of vectors, in the unit of the vectors: what is a large one
/// depends on the model that made them. The same with the sides exchanged; 0 for equal means, whatever the spread.
///
/// None when a side has no rows, or the sides have not the same dimension.
pub fn centroid_euclidean(reference: &Vectors<'_>, current: &Vectors<'_>) -> Option<f64> {
    let (r, c) = means(reference, current)?;
    Some(r.iter().zip(&c).map(|(r, c)| (c - r) * (c - r)).sum::<f64>().sqrt())
}

/// The cosine distance between the means of two samples of vectors: 1 less the cosine of the angle between them, 0 for
/// one direction, 1 for a right angle, 2 for opposite ones. The same with the sides exchanged.
///
/// None as for [`centroid_euclidean`], and where a mean is 0, which has no direction.
///
/// It is computed as half the squared distance of the two directions, which keeps its digits where they are nearly one.
pub fn centroid_cosine(reference: &Vectors<'_>, current: &Vectors<'_>) -> Option<f64> {
    let (r, c) = means(reference, current)?;
    let norm = |mean: &[f64]| mean.iter().map(|value| value * value).sum::<f64>().sqrt();
    let (norm_r, norm_c) = (norm(&r), norm(&c));
    if norm_r == 0.0 || norm_c == 0.0 {
        return None;
    }
    Some(r.iter().zip(&c).map(|(r, c)| (c / norm_c - r / norm_r).powi(2)).sum::<f64>() / 2.0)
}

fn means(reference: &Vectors<'_>, current: &Vectors<'_>) -> Option<(Vec<f64>, Vec<f64>)> {
    let dimension = shared_dimension(reference, current)?;
    Some((mean(reference, dimension), mean(current, dimension)))
}

fn mean(vectors: &Vectors<'_>, dimension: usize) -> Vec<f64> {
    let mut sums = vec![Sum::default(); dimension];
    for row in vectors.rows() {
        sums.iter_mut().zip(row).for_each(|(sum, value)| sum.add(f64::from(*value)));
    }
    sums.iter().map(|sum| sum.value() / vectors.len() as f64).collect()
}
