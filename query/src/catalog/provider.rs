//! DataFusion's catalog over one [`CatalogView`]: catalog `driftline` with the schemas `public` and `system`.
//! `information_schema` is added by DataFusion itself.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProviderList, MemorySchemaProvider, SchemaProvider,
    TableProvider,
};
use datafusion::error::Result;

use super::CatalogView;
use crate::system;

/// The one catalog.
pub(crate) const CATALOG: &str = "driftline";
/// The schema of tables and models.
pub(crate) const PUBLIC: &str = "public";
/// The schema of what the database knows about itself.
pub(crate) const SYSTEM: &str = "system";

/// The catalogs of one statement. `external` holds the tables over files that the embedding program declared.
pub(crate) fn catalogs(
    view: &Arc<CatalogView>,
    external: Option<Arc<MemorySchemaProvider>>,
) -> Arc<dyn CatalogProviderList> {
    let list = MemoryCatalogProviderList::new();
    let public = Arc::new(Public { view: Arc::clone(view), external });
    let system = Arc::new(System { view: Arc::clone(view) });
    list.register_catalog(CATALOG.to_owned(), Arc::new(Catalog { public, system }));
    Arc::new(list)
}

#[derive(Debug)]
struct Catalog {
    public: Arc<Public>,
    system: Arc<System>,
}

#[derive(Debug)]
struct Public {
    view: Arc<CatalogView>,
    external: Option<Arc<MemorySchemaProvider>>,
}

#[derive(Debug)]
struct System {
    view: Arc<CatalogView>,
}

impl CatalogProvider for Catalog {
    fn schema_names(&self) -> Vec<String> {
        vec![PUBLIC.to_owned(), SYSTEM.to_owned()]
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        match name {
            PUBLIC => Some(Arc::clone(&self.public) as _),
            SYSTEM => Some(Arc::clone(&self.system) as _),
            _ => None,
        }
    }
}

#[async_trait]
impl SchemaProvider for Public {
    fn table_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.view.table_names().map(str::to_owned).collect();
        names.extend(self.external.iter().flat_map(|external| external.table_names()));
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match (self.view.snapshot().table(name), &self.external) {
            (Some(table), _) => Ok(Some(self.view.scan_of(table))),
            (None, Some(external)) => external.table(name).await,
            (None, None) => Ok(None),
        }
    }

    fn register_table(
        &self,
        name: String,
        table: Arc<dyn TableProvider>,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        match &self.external {
            Some(external) => external.register_table(name, table),
            None => {
                Err(crate::QueryError::Denied("tables over files are not open to the network".into()).into())
            }
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.view.snapshot().table(name).is_some()
            || self.external.as_ref().is_some_and(|external| external.table_exist(name))
    }
}

#[async_trait]
impl SchemaProvider for System {
    fn table_names(&self) -> Vec<String> {
        system::NAMES.iter().map(|name| (*name).to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        Ok(system::table(&self.view, name).await?)
    }

    fn table_exist(&self, name: &str) -> bool {
        system::NAMES.contains(&name)
    }
}
