//! What a metric has to know of a model.

use driftline_storage::{Column, ColumnType, Meaning, TableSchema};

use crate::model::Model;

/// A column with its type.
#[derive(Clone, Debug, PartialEq)]
pub struct Typed {
    /// Its name as it was made.
    pub name: String,
    /// Its type.
    pub ty: ColumnType,
}

/// The columns of a model that metrics are made of; None where the model has none of the kind.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelColumns {
    /// `classification` or `regression`.
    pub kind: String,
    /// The class that counts as positive.
    pub positive: String,
    /// The score from which a prediction counts as positive.
    pub threshold: f64,
    /// The truth; the first where there are several.
    pub label: Option<Typed>,
    /// What the model decided.
    pub prediction: Option<Typed>,
    /// The number the decision rests on; none where it is a vector.
    pub score: Option<Typed>,
    /// How long it took.
    pub latency: Option<Typed>,
    /// Whether it failed.
    pub error: Option<Typed>,
}

impl ModelColumns {
    /// Those of a model with this table.
    pub fn of(model: &Model, table: &TableSchema) -> Self {
        let find = |meaning: Meaning| {
            let column = table.columns.iter().find(|column| column.meaning == Some(meaning));
            column.map(|Column { name, ty, .. }| Typed { name: name.clone(), ty: *ty })
        };
        Self {
            kind: model.kind.clone(),
            positive: model.positive.clone(),
            threshold: model.threshold,
            label: find(Meaning::Label),
            prediction: find(Meaning::Prediction),
            score: find(Meaning::Score).filter(Typed::is_number),
            latency: find(Meaning::Latency).filter(Typed::is_number),
            error: find(Meaning::Error),
        }
    }
}

impl Typed {
    /// Whether its values are numbers.
    pub fn is_number(&self) -> bool {
        matches!(self.ty, ColumnType::BigInt | ColumnType::Double)
    }
}
