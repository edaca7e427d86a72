//! What this server is and can do, as Flight SQL clients ask for it. Types and ids are those of the protocol: a value
//! of another type makes some drivers panic, so each is given in the type its documentation names.

use std::collections::HashMap;

use arrow_flight::error::Result;
use arrow_flight::sql::metadata::{
    SqlInfoData, SqlInfoDataBuilder, XdbcTypeInfo, XdbcTypeInfoData, XdbcTypeInfoDataBuilder,
};
use arrow_flight::sql::{
    Nullable, Searchable, SqlInfo, SqlNullOrdering, SqlSupportedCaseSensitivity, SqlSupportedGroupBy,
    SqlSupportedTransaction, SqlSupportedUnions, SupportedSqlGrammar, XdbcDataType,
};

/// The Arrow format version of the messages.
const ARROW_FORMAT: &str = "1.5";

/// All answers to GetSqlInfo.
pub fn sql_info() -> Result<SqlInfoData> {
    let mut builder = SqlInfoDataBuilder::new();
    server(&mut builder);
    names(&mut builder);
    language(&mut builder);
    builder.build()
}

fn server(builder: &mut SqlInfoDataBuilder) {
    builder.append(SqlInfo::FlightSqlServerName, "Driftline");
    builder.append(SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    builder.append(SqlInfo::FlightSqlServerArrowVersion, ARROW_FORMAT);
    builder.append(SqlInfo::FlightSqlServerReadOnly, false);
    builder.append(SqlInfo::FlightSqlServerSql, true);
    builder.append(SqlInfo::FlightSqlServerSubstrait, false);
    builder.append(SqlInfo::FlightSqlServerTransaction, SqlSupportedTransaction::None as i32);
    builder.append(SqlInfo::FlightSqlServerCancel, false);
    builder.append(SqlInfo::FlightSqlServerBulkIngestion, false);
    builder.append(SqlInfo::FlightSqlServerIngestTransactionsSupported, false);
    builder.append(SqlInfo::FlightSqlServerStatementTimeout, 0_i32);
    builder.append(SqlInfo::FlightSqlServerTransactionTimeout, 0_i32);
}

fn names(builder: &mut SqlInfoDataBuilder) {
    builder.append(SqlInfo::SqlDdlCatalog, false);
    builder.append(SqlInfo::SqlDdlSchema, false);
    builder.append(SqlInfo::SqlDdlTable, true);
    let any_case = SqlSupportedCaseSensitivity::SqlCaseSensitivityCaseInsensitive as i32;
    let as_written = SqlSupportedCaseSensitivity::SqlCaseSensitivityUnknown as i32;
    builder.append(SqlInfo::SqlIdentifierCase, i64::from(any_case));
    builder.append(SqlInfo::SqlQuotedIdentifierCase, i64::from(as_written));
    builder.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
    builder.append(SqlInfo::SqlAllTablesAreSelectable, true);
    builder.append(SqlInfo::SqlSearchStringEscape, "\\");
    builder.append(SqlInfo::SqlExtraNameCharacters, "");
    builder.append(SqlInfo::SqlSchemaTerm, "schema");
    builder.append(SqlInfo::SqlCatalogTerm, "catalog");
    builder.append(SqlInfo::SqlProcedureTerm, "");
    builder.append(SqlInfo::SqlCatalogAtStart, true);
}

fn language(builder: &mut SqlInfoDataBuilder) {
    builder.append(SqlInfo::SqlNullOrdering, i64::from(SqlNullOrdering::SqlNullsSortedHigh as i32));
    builder
        .append(SqlInfo::SqlKeywords, &["BASELINE", "FEATURE", "LABEL", "MODEL", "PREDICTION", "SCORE"][..]);
    builder
        .append(SqlInfo::SqlNumericFunctions, &["abs", "ceil", "floor", "ln", "power", "round", "sqrt"][..]);
    builder.append(
        SqlInfo::SqlStringFunctions,
        &["concat", "length", "lower", "replace", "substr", "upper"][..],
    );
    builder.append(SqlInfo::SqlSystemFunctions, &["coalesce", "nullif"][..]);
    builder.append(
        SqlInfo::SqlDatetimeFunctions,
        &["date_bin", "date_part", "date_trunc", "now", "to_timestamp"][..],
    );
    builder.append(SqlInfo::SqlSupportsColumnAliasing, true);
    builder.append(SqlInfo::SqlNullPlusNullIsNull, true);
    builder.append(SqlInfo::SqlSupportsConvert, HashMap::<i32, Vec<i32>>::new());
    builder.append(SqlInfo::SqlSupportsTableCorrelationNames, true);
    builder.append(SqlInfo::SqlSupportsDifferentTableCorrelationNames, false);
    builder.append(SqlInfo::SqlSupportsExpressionsInOrderBy, true);
    builder.append(SqlInfo::SqlSupportsOrderByUnrelated, true);
    builder.append(SqlInfo::SqlSupportedGroupBy, mask(&[SqlSupportedGroupBy::SqlGroupByUnrelated as i32]));
    builder.append(SqlInfo::SqlSupportsLikeEscapeClause, true);
    builder.append(SqlInfo::SqlSupportsNonNullableColumns, true);
    builder.append(SqlInfo::SqlSupportedGrammar, mask(&[SupportedSqlGrammar::SqlMinimumGrammar as i32]));
    let unions = [SqlSupportedUnions::SqlUnion as i32, SqlSupportedUnions::SqlUnionAll as i32];
    builder.append(SqlInfo::SqlSupportedUnions, mask(&unions));
    builder.append(SqlInfo::SqlSelectForUpdateSupported, false);
    builder.append(SqlInfo::SqlStoredProceduresSupported, false);
    builder.append(SqlInfo::SqlCorrelatedSubqueriesSupported, true);
    builder.append(SqlInfo::SqlSavepointsSupported, false);
    builder.append(SqlInfo::SqlNamedParametersSupported, false);
    builder.append(SqlInfo::SqlBatchUpdatesSupported, true);
}

/// Values of an enumeration as the bits of a mask.
fn mask(values: &[i32]) -> i32 {
    values.iter().fold(0, |mask, value| mask | (1 << value))
}

/// The types of columns, for GetXdbcTypeInfo.
pub fn type_info() -> Result<XdbcTypeInfoData> {
    let mut builder = XdbcTypeInfoDataBuilder::new();
    builder.append(type_named("BOOLEAN", XdbcDataType::XdbcBit, 1));
    builder.append(type_named("BIGINT", XdbcDataType::XdbcBigint, 64));
    builder.append(type_named("DOUBLE", XdbcDataType::XdbcDouble, 53));
    builder.append(quoted("TEXT", XdbcDataType::XdbcVarchar));
    builder.append(quoted("TIMESTAMP", XdbcDataType::XdbcTimestamp));
    builder.build()
}

fn quoted(name: &str, data_type: XdbcDataType) -> XdbcTypeInfo {
    let quote = || Some("'".to_owned());
    XdbcTypeInfo { literal_prefix: quote(), literal_suffix: quote(), ..type_named(name, data_type, i32::MAX) }
}

fn type_named(name: &str, data_type: XdbcDataType, size: i32) -> XdbcTypeInfo {
    let is_number = matches!(data_type, XdbcDataType::XdbcBigint | XdbcDataType::XdbcDouble);
    XdbcTypeInfo {
        type_name: name.to_owned(),
        data_type,
        column_size: Some(size),
        literal_prefix: None,
        literal_suffix: None,
        create_params: None,
        nullable: Nullable::NullabilityNullable,
        case_sensitive: data_type == XdbcDataType::XdbcVarchar,
        searchable: Searchable::Full,
        unsigned_attribute: is_number.then_some(false),
        fixed_prec_scale: false,
        auto_increment: is_number.then_some(false),
        local_type_name: Some(name.to_owned()),
        minimum_scale: None,
        maximum_scale: None,
        sql_data_type: data_type,
        datetime_subcode: None,
        num_prec_radix: is_number.then_some(2),
        interval_precision: None,
    }
}
