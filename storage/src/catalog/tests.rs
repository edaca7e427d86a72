use super::*;

/// Columns `n BIGINT` and `tag`, with table 1 in force.
fn catalog() -> (Catalog, TableSchema) {
    let columns = vec![
        Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time),
        Column::new("n", ColumnType::BigInt, Role::Field),
        Column::new("tag", ColumnType::Text, Role::Tag),
    ];
    let mut schema = TableSchema { id: 1, ..TableSchema::new("t", columns) };
    assign_column_ids(&mut schema);
    let mut catalog = Catalog::default();
    catalog.apply(&CatalogChange::CreateTable(schema.clone())).unwrap();
    (catalog, TableSchema { version: 2, ..schema })
}

fn alter(catalog: &mut Catalog, mut schema: TableSchema) -> Result<()> {
    assign_column_ids(&mut schema);
    catalog.apply(&CatalogChange::AlterTable(schema))
}

#[test]
fn a_version_that_does_not_follow_is_refused() {
    let (mut catalog, next) = catalog();
    alter(&mut catalog, next.clone()).unwrap();
    let stale = alter(&mut catalog, next).unwrap_err();
    assert!(matches!(stale, StorageError::SchemaChanged(_)), "{stale}");
}

#[test]
fn a_bigint_becomes_double_and_nothing_else_changes_its_type() {
    for (ty, is_well) in
        [(ColumnType::Double, true), (ColumnType::Text, false), (ColumnType::Timestamp, false)]
    {
        let (mut catalog, mut next) = catalog();
        next.columns[1].ty = ty;
        assert_eq!(alter(&mut catalog, next).is_ok(), is_well, "{ty:?}");
    }
}

#[test]
fn a_role_cannot_change() {
    let (mut catalog, mut next) = catalog();
    next.columns[2].role = Role::Field;
    let error = alter(&mut catalog, next).unwrap_err().to_string();
    assert_eq!(error, "table t: the role of column tag cannot change");
}

#[test]
fn the_id_of_a_dropped_column_is_not_given_again() {
    let (mut catalog, mut next) = catalog();
    let dropped = next.columns.remove(1);
    alter(&mut catalog, next.clone()).unwrap();
    next.version += 1;
    next.columns.push(Column { name: "other".into(), ..dropped });
    let error = alter(&mut catalog, next.clone()).unwrap_err().to_string();
    assert_eq!(error, "table t: column other has the id of one that was dropped");
    next.columns[2].id = 0;
    alter(&mut catalog, next).unwrap();
    assert_eq!(catalog.table(1).unwrap().column_named("other").unwrap().id, 4);
}
