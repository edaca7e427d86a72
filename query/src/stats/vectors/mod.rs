//! Samples of vectors: embeddings, or several features at once.

mod centroid;
mod classifier;
mod components;
mod logistic;
mod mmd;

pub use centroid::{Centroid, centroid_cosine, centroid_euclidean};
pub use classifier::{CLASSIFIER_ROWS_MAX, domain_classifier_auc};
pub use components::drifted_components;
pub use mmd::{MMD_ROWS_MAX, Mmd, PERMUTATIONS_MAX, mmd};

use super::random::Random;

/// Components that a vector may have.
pub const DIMENSION_MAX: usize = 65_536;

/// Rows of vectors of one dimension, one after the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vectors<'a> {
    values: &'a [f32],
    dimension: usize,
}

impl<'a> Vectors<'a> {
    /// None where the values are no whole rows, a value is not finite, or the dimension is not within
    /// 1..=[`DIMENSION_MAX`]. Rows with a NaN or without a vector are the caller's to leave out.
    pub fn new(values: &'a [f32], dimension: usize) -> Option<Self> {
        let whole = (1..=DIMENSION_MAX).contains(&dimension) && values.len().is_multiple_of(dimension);
        (whole && values.iter().all(|value| value.is_finite())).then_some(Self { values, dimension })
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.dimension
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    fn rows(&self) -> impl ExactSizeIterator<Item = &'a [f32]> + use<'a> {
        self.values.chunks_exact(self.dimension)
    }

    /// At most `most` rows, chosen by chance where there are more; all of them in their order where not.
    fn some_rows(&self, most: usize, random: &mut Random) -> Vec<&'a [f32]> {
        let mut rows: Vec<&[f32]> = self.rows().collect();
        if rows.len() > most {
            random.choose(&mut rows, most);
            rows.truncate(most);
        }
        rows
    }

    /// One component of all rows.
    fn component(&self, component: usize) -> impl Iterator<Item = f64> {
        self.rows().filter_map(move |row| row.get(component).map(|value| f64::from(*value)))
    }
}

/// The dimension of both, where they have one and the same, and rows.
fn shared_dimension(reference: &Vectors<'_>, current: &Vectors<'_>) -> Option<usize> {
    let shared = reference.dimension == current.dimension && !reference.is_empty() && !current.is_empty();
    shared.then_some(reference.dimension)
}
