//! Distances between the means of two samples of vectors.

use super::Vectors;
use crate::stats::pooled::Sum;

/// The mean of vectors, as its sums: vectors are added one by one, and sums of others too.
#[derive(Clone, Debug, Default)]
pub struct Centroid {
    sums: Vec<Sum>,
    count: u64,
}

impl Centroid {
    /// Of the rows of a sample.
    pub fn of(vectors: &Vectors<'_>) -> Self {
        let mut centroid = Self::default();
        vectors.rows().for_each(|row| centroid.add(row));
        centroid
    }

    /// As [`sums`](Self::sums) and [`count`](Self::count) gave it.
    pub fn of_sums(sums: &[f64], count: u64) -> Self {
        let mut all = vec![Sum::default(); sums.len()];
        all.iter_mut().zip(sums).for_each(|(all, sum)| all.add(*sum));
        Self { sums: all, count }
    }

    /// Adds a vector, which must be as long as those before it and of finite numbers.
    pub fn add(&mut self, vector: &[f32]) {
        self.sums.resize(vector.len(), Sum::default());
        self.sums.iter_mut().zip(vector).for_each(|(sum, value)| sum.add(f64::from(*value)));
        self.count += 1;
    }

    /// Adds the sums of others, of vectors that are as long.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.sums.resize(other.sums.len(), Sum::default());
        self.sums.iter_mut().zip(&other.sums).for_each(|(sum, other)| sum.add(other.value()));
        self.count += other.count;
    }

    /// The vectors added.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How long they are; 0 of none.
    pub fn dimension(&self) -> usize {
        self.sums.len()
    }

    /// The sum of each component.
    pub fn sums(&self) -> Vec<f64> {
        self.sums.iter().map(|sum| sum.value()).collect()
    }

    /// Bytes held beyond itself.
    pub fn size(&self) -> usize {
        self.sums.capacity() * size_of::<Sum>()
    }

    /// The Euclidean distance between two means, in the unit of the vectors: what is a large one depends on the model
    /// that made them. The same with the sides exchanged; 0 for equal means, whatever the spread.
    ///
    /// None when a side has no rows, or the sides have not the same dimension.
    pub fn euclidean(&self, current: &Self) -> Option<f64> {
        let (r, c) = self.means_with(current)?;
        Some(r.iter().zip(&c).map(|(r, c)| (c - r) * (c - r)).sum::<f64>().sqrt())
    }

    /// The cosine distance between two means: 1 less the cosine of the angle between them, 0 for one direction, 1 for a
    /// right angle, 2 for opposite ones. The same with the sides exchanged.
    ///
    /// None as for [`euclidean`](Self::euclidean), and where a mean is 0, which has no direction.
    ///
    /// It is computed as half the squared distance of the two directions, which keeps its digits where they are nearly
    /// one.
    pub fn cosine(&self, current: &Self) -> Option<f64> {
        let (r, c) = self.means_with(current)?;
        let norm = |mean: &[f64]| mean.iter().map(|value| value * value).sum::<f64>().sqrt();
        let (norm_r, norm_c) = (norm(&r), norm(&c));
        if norm_r == 0.0 || norm_c == 0.0 {
            return None;
        }
        Some(r.iter().zip(&c).map(|(r, c)| (c / norm_c - r / norm_r).powi(2)).sum::<f64>() / 2.0)
    }

    fn means_with(&self, current: &Self) -> Option<(Vec<f64>, Vec<f64>)> {
        let comparable = self.count > 0 && current.count > 0 && self.sums.len() == current.sums.len();
        comparable.then(|| (self.mean(), current.mean()))
    }

    fn mean(&self) -> Vec<f64> {
        self.sums.iter().map(|sum| sum.value() / self.count as f64).collect()
    }
}

/// [`Centroid::euclidean`] of two samples.
pub fn centroid_euclidean(reference: &Vectors<'_>, current: &Vectors<'_>) -> Option<f64> {
    Centroid::of(reference).euclidean(&Centroid::of(current))
}

/// [`Centroid::cosine`] of two samples.
pub fn centroid_cosine(reference: &Vectors<'_>, current: &Vectors<'_>) -> Option<f64> {
    Centroid::of(reference).cosine(&Centroid::of(current))
}
