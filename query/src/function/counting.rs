//! From Arrow columns to distributions: one pass, no text copied per row.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, BooleanArray, DictionaryArray, Float64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{ArrowDictionaryKeyType, ArrowNativeType, DataType, UInt32Type};
use datafusion::common::{Result, exec_err};
use datafusion::error::DataFusionError;
use driftline_storage::distribution::{Categorical, Distribution, Lattice, Numeric};

use super::extension::{decode, no_distribution};

/// Bytes a counted category takes beside its text, with its share of the tree.
const BYTES_PER_CATEGORY: usize = 64;

/// Bytes of states of one group that wait to be added: so many that it pays, and no more than they take anyhow.
const STATES_WAITING_BYTES_MAX: usize = 16 << 10;

/// A distribution in the making.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    counts: Distribution,
    /// Bytes of the categories' texts. Categories that were given up for others still count here.
    text_bytes: usize,
}

impl Counter {
    /// Of numbers.
    pub(crate) fn numeric() -> Self {
        Self { counts: Distribution::Numeric(Numeric::new()), text_bytes: 0 }
    }

    /// Of numbers, on a lattice.
    pub(crate) fn on(lattice: Lattice) -> Self {
        Self { counts: Distribution::Numeric(Numeric::on(lattice)), text_bytes: 0 }
    }

    /// Of categories.
    pub(crate) fn categorical() -> Self {
        Self { counts: Distribution::Categorical(Categorical::new()), text_bytes: 0 }
    }

    /// Of numbers for a column of numbers, of categories for text and booleans.
    pub(crate) fn for_type(ty: &DataType) -> Self {
        match ty {
            DataType::Dictionary(_, value) => Self::for_type(value),
            ty if ty.is_string() || ty == &DataType::Boolean => Self::categorical(),
            _ => Self::numeric(),
        }
    }

    /// Counts the values of a column: DOUBLE where numbers are counted; TEXT, BOOLEAN or a dictionary of texts where
    /// categories are.
    pub(crate) fn add(&mut self, column: &dyn Array) -> Result<()> {
        match (&mut self.counts, column.data_type()) {
            (Distribution::Numeric(counts), DataType::Float64) => numbers(counts, column.as_primitive()),
            (Distribution::Categorical(_), DataType::Utf8) => self.texts(column.as_string()),
            (Distribution::Categorical(counts), DataType::Boolean) => flags(counts, column.as_boolean()),
            (Distribution::Categorical(_), DataType::Dictionary(_, _)) => return self.dictionary(column),
            (counts, ty) => {
                return exec_err!("a {} distribution takes no values of {ty}", counts.kind_name());
            }
        }
        Ok(())
    }

    /// Adds the counts of others, which are encoded; the kinds must agree.
    fn merge<'a>(&mut self, others: impl Iterator<Item = &'a [u8]>) -> Result<()> {
        if let Distribution::Numeric(_) = self.counts {
            return self
                .counts
                .merge_encoded(others)
                .map_err(|error| no_distribution("distribution", &error));
        }
        for other in others {
            let other = decode("distribution", other)?;
            self.counts.merge(&other).map_err(|error| DataFusionError::External(Box::new(error)))?;
            self.text_bytes += text_bytes(&other);
        }
        Ok(())
    }

    /// What was counted.
    pub(crate) fn distribution(&self) -> &Distribution {
        &self.counts
    }

    /// Bytes held beyond the counter itself, at most.
    pub(crate) fn size(&self) -> usize {
        nodes(&self.counts) + self.text_bytes
    }

    fn texts(&mut self, column: &StringArray) {
        if let Distribution::Categorical(counts) = &mut self.counts {
            nulls(counts, column.null_count());
        }
        let mut local: HashMap<&str, u64> = HashMap::new();
        for text in column.iter().flatten() {
            *local.entry(text).or_default() += 1;
        }
        for (text, count) in local {
            self.category(text, count);
        }
    }

    fn category(&mut self, text: &str, count: u64) {
        if let Distribution::Categorical(counts) = &mut self.counts {
            let before = counts.counts().len();
            counts.push_count(text, count);
            if counts.counts().len() > before {
                self.text_bytes += text.len();
            }
        }
    }

    fn dictionary(&mut self, column: &dyn Array) -> Result<()> {
        if let Some(dictionary) = column.as_dictionary_opt::<UInt32Type>() {
            return self.keys(dictionary);
        }
        let texts = cast(column, &DataType::Utf8)?;
        self.texts(texts.as_string());
        Ok(())
    }

    /// Counts by key, then each text once.
    fn keys<K: ArrowDictionaryKeyType>(&mut self, column: &DictionaryArray<K>) -> Result<()> {
        let Some(texts) = column.values().as_string_opt::<i32>() else {
            return exec_err!("categories are text, not {}", column.values().data_type());
        };
        let mut counts = vec![0_u64; texts.len()];
        let mut absent = 0;
        for key in column.keys() {
            match key.and_then(|key| counts.get_mut(key.as_usize())) {
                Some(count) => *count += 1,
                None => absent += 1,
            }
        }
        for (text, count) in texts.iter().zip(counts) {
            match text {
                Some(text) => self.category(text, count),
                None => absent += count as usize,
            }
        }
        if let Distribution::Categorical(counts) = &mut self.counts {
            nulls(counts, absent);
        }
        Ok(())
    }
}

/// What is counted of one group, from values and from partial states.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    counter: Counter,
    /// States not added yet: one that stays alone need not be decoded, many are added at once.
    waiting: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
    /// Nothing but what waits has come.
    is_new: bool,
}

impl Counts {
    /// Of nothing yet.
    pub(crate) fn new(counter: Counter) -> Self {
        Self { counter, waiting: Vec::new(), ends: Vec::new(), is_new: true }
    }

    /// Counts the values of a column.
    pub(crate) fn add(&mut self, values: &dyn Array) -> Result<()> {
        self.settle()?;
        self.counter.add(values)
    }

    /// Adds the state of others.
    pub(crate) fn merge(&mut self, state: &[u8]) -> Result<()> {
        self.waiting.extend(state);
        self.ends.push(self.waiting.len());
        if self.waiting.len() >= STATES_WAITING_BYTES_MAX { self.settle() } else { Ok(()) }
    }

    /// The DISTRIBUTION, which is the state too.
    pub(crate) fn encoded(&mut self) -> Result<Vec<u8>> {
        if self.is_new && self.ends.len() == 1 {
            return Ok(self.waiting.clone());
        }
        self.settle()?;
        Ok(self.counter.distribution().encode())
    }

    /// The number below which a share of the numbers lies; none of no numbers.
    pub(crate) fn quantile(&mut self, q: f64) -> Result<Option<f64>> {
        self.settle()?;
        Ok(match self.counter.distribution() {
            Distribution::Numeric(numeric) => numeric.quantile(q),
            Distribution::Categorical(_) => None,
        })
    }

    /// Bytes held beyond itself, at most.
    pub(crate) fn size(&self) -> usize {
        self.counter.size() + self.waiting.capacity() + self.ends.capacity() * size_of::<usize>()
    }

    /// Adds the states that wait.
    fn settle(&mut self) -> Result<()> {
        self.is_new = false;
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let states = starts.zip(&self.ends).filter_map(|(start, end)| self.waiting.get(start..*end));
        self.counter.merge(states)?;
        self.waiting.clear();
        self.ends.clear();
        Ok(())
    }
}

fn numbers(counts: &mut Numeric, column: &Float64Array) {
    if column.null_count() == 0 {
        counts.push_slice(column.values());
        return;
    }
    for value in column {
        match value {
            Some(x) => counts.push(x),
            None => counts.push_null(),
        }
    }
}

fn flags(counts: &mut Categorical, column: &BooleanArray) {
    let yes = column.true_count();
    counts.push_count("true", yes as u64);
    counts.push_count("false", (column.len() - column.null_count() - yes) as u64);
    nulls(counts, column.null_count());
}

fn nulls(counts: &mut Categorical, n: usize) {
    (0..n).for_each(|_| counts.push_null());
}

/// Bytes a distribution holds beyond itself, at most.
pub(crate) fn size_of_distribution(distribution: &Distribution) -> usize {
    nodes(distribution) + text_bytes(distribution)
}

fn nodes(distribution: &Distribution) -> usize {
    match distribution {
        Distribution::Numeric(numeric) => numeric.held_bytes(),
        Distribution::Categorical(categorical) => categorical.counts().len() * BYTES_PER_CATEGORY,
    }
}

fn text_bytes(distribution: &Distribution) -> usize {
    match distribution {
        Distribution::Numeric(_) => 0,
        Distribution::Categorical(categorical) => categorical.counts().keys().map(String::len).sum(),
    }
}
