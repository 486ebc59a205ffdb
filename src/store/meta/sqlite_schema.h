// The tables of the SQLite store and the steps that lead to them.
#pragma once

#include <string>

#include "base/status.h"
#include "store/sqlite/sqlite_database.h"

namespace hodei::store {

// Brings the database to this program's schema, one migration per transaction, each recorded in
// schema_migrations. FAILED_PRECONDITION when a newer program wrote it.
Status MigrateSchema(SqliteDatabase* database, const std::string& path);

// The version MigrateSchema() leads to.
int SchemaVersion();

}  // namespace hodei::store
