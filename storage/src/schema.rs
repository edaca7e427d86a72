//! Tables, columns, roles and types: the vocabulary of the data model.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// Identifies a table for ever; never used again after a drop.
pub type TableId = u32;
/// Identifies a column within its table for ever; never used again after a drop.
pub type ColumnId = u32;
/// Identifies a series (a table and the values of its tags) for ever, in the whole data directory. [`NO_TAGS`] is the series
/// of rows without any tag, in every table.
pub type SeriesId = u32;

/// The series of rows that have no tag, whatever their table.
pub const NO_TAGS: SeriesId = 0;

/// The name of the event-time column of every table.
pub const TIME_COLUMN: &str = "time";

/// The option of a table that sets how many series it may have, in the place of [`crate::limits::TABLE_SERIES_MAX`].
pub const SERIES_MAX_OPTION: &str = "series_max";
/// The option of a table that sets how many values each of its tags may have, in the place of
/// [`crate::limits::TAG_VALUES_MAX`].
pub const TAG_VALUES_MAX_OPTION: &str = "tag_values_max";

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// True or false.
    Boolean,
    /// A 64-bit signed integer.
    BigInt,
    /// A 64-bit float, kept bit for bit.
    Double,
    /// UTF-8 text.
    Text,
    /// Nanoseconds since 1970, UTC.
    Timestamp,
    /// JSON, kept as text.
    Json,
    /// A fixed number of 32-bit floats.
    Vector(u32),
    /// A mergeable summary of values, see [`crate::distribution`].
    Distribution,
}

/// What a column is to its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The event time; exactly one column, named `time`.
    Time,
    /// A dimension of few values; together the tags are the series.
    Tag,
    /// Identifies the event.
    Key,
    /// The person the row is about.
    Subject,
    /// A value.
    Field,
}

/// What a FIELD means to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// An input with an order and distances.
    NumericFeature,
    /// An input whose values are categories.
    CategoricalFeature,
    /// What the model decided.
    Prediction,
    /// The number the decision rests on.
    Score,
    /// The truth, often late.
    Label,
    /// A vector that stands for the input.
    Embedding,
    /// A share of the decision owed to one input (SHAP).
    Attribution,
    /// How long it took.
    Latency,
    /// What it cost.
    Cost,
    /// Failed where true, non-zero or non-empty.
    Error,
    /// How much the row counts.
    Weight,
    /// The ranking query a row belongs to.
    Group,
    /// The place in the ranking.
    Rank,
    /// The arm of an experiment.
    Variant,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its id within the table; 0 asks the engine to give one.
    pub id: ColumnId,
    /// Its name as written.
    pub name: String,
    /// Its type.
    pub ty: ColumnType,
    /// Its role.
    pub role: Role,
    /// What it means to a model, for fields.
    pub meaning: Option<Meaning>,
    /// Whether segments carry a bloom filter of it.
    pub index: bool,
}

/// A table: its columns in order, and options as written in `WITH (..)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSchema {
    /// Its id; 0 asks the engine to give one.
    pub id: TableId,
    /// Its name.
    pub name: String,
    /// Counts the changes of this schema, from 1.
    pub version: u32,
    /// The columns in order.
    pub columns: Vec<Column>,
    /// The id the next new column gets.
    pub next_column_id: ColumnId,
    /// Options by name.
    pub options: BTreeMap<String, String>,
}

impl ColumnType {
    /// The Arrow type in which rows of this column enter and leave the engine.
    pub fn arrow(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::BigInt => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Text | Self::Json => DataType::Utf8,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            Self::Vector(n) => {
                DataType::FixedSizeList(Arc::new(Field::new("item", DataType::Float32, true)), n as i32)
            }
            Self::Distribution => DataType::Binary,
        }
    }

    /// The name as SQL writes it.
    pub fn sql(self) -> String {
        match self {
            Self::Boolean => "BOOLEAN".into(),
            Self::BigInt => "BIGINT".into(),
            Self::Double => "DOUBLE".into(),
            Self::Text => "TEXT".into(),
            Self::Timestamp => "TIMESTAMP".into(),
            Self::Json => "JSON".into(),
            Self::Vector(n) => format!("VECTOR({n})"),
            Self::Distribution => "DISTRIBUTION".into(),
        }
    }
}

impl Column {
    /// A column whose id the engine will give.
    pub fn new(name: impl Into<String>, ty: ColumnType, role: Role) -> Self {
        Self { id: 0, name: name.into(), ty, role, meaning: None, index: false }
    }

    /// The same column with a meaning.
    pub fn with_meaning(mut self, meaning: Meaning) -> Self {
        self.meaning = Some(meaning);
        self
    }

    /// Its Arrow field; only `time` is never null.
    pub fn arrow(&self) -> Field {
        Field::new(&self.name, self.ty.arrow(), self.role != Role::Time)
    }
}

impl TableSchema {
    /// A table whose ids the engine will give.
    pub fn new(name: impl Into<String>, columns: Vec<Column>) -> Self {
        Self { id: 0, name: name.into(), version: 1, columns, next_column_id: 1, options: BTreeMap::new() }
    }

    /// The Arrow schema of whole rows, columns in table order.
    pub fn arrow(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns.iter().map(Column::arrow).collect::<Vec<_>>()))
    }

    /// The columns that are kept as arrays: all but the tags, whose values are the row's series.
    pub fn stored_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|c| c.role != Role::Tag)
    }

    /// The tags, in the order of the table.
    pub fn tag_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|c| c.role == Role::Tag)
    }

    /// The Arrow schema of rows without their tags, see [`Self::stored_columns`].
    pub fn stored_arrow(&self) -> SchemaRef {
        Arc::new(Schema::new(self.stored_columns().map(Column::arrow).collect::<Vec<_>>()))
    }

    /// The column of this id.
    pub fn column(&self, id: ColumnId) -> Option<&Column> {
        self.columns.iter().find(|c| c.id == id)
    }

    /// The column of this name, as written.
    pub fn column_named(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }
}
