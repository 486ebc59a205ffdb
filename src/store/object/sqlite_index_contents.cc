// Rows of contents and segments, and of what refers to contents.
#include <algorithm>

#include "store/object/sqlite_index.h"

namespace hodei::store {

using google::storage::v1::Object;
namespace {

ContentRow ReadContent(const BorrowedStatement& row) {
  ContentRow out;
  out.id = row->ColumnInt(0);
  out.size_bytes = static_cast<uint64_t>(row->ColumnInt(1));
  out.crc32c = static_cast<uint32_t>(row->ColumnInt(2));
  out.segment = row->ColumnInt(3);
  out.offset = static_cast<uint64_t>(row->ColumnInt(4));
  out.references = row->ColumnInt(5);
  out.digest = std::string(row->ColumnBytes(6));
  return out;
}

Result<HoldRow> ReadHold(const BorrowedStatement& row) {
  HoldRow out;
  out.content_id = row->ColumnInt(0);
  const std::string_view bytes = row->ColumnBytes(1);
  if (!out.object.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return DamagedRow("hold");
  }
  return out;
}

}  // namespace

Result<std::optional<ContentRow>> SqliteIndex::FindContent(int64_t id) {
  ASSIGN_OR_RETURN(BorrowedStatement find,
                   db_.Borrow("SELECT id, size, crc32c, segment, offset, refs, digest "
                              "FROM contents WHERE id = ?1"));
  ASSIGN_OR_RETURN(const bool found, find->BindInt(1, id).Step());
  if (!found) return std::optional<ContentRow>();
  return std::optional<ContentRow>(ReadContent(find));
}

Result<std::optional<ContentRow>> SqliteIndex::FindContentByDigest(std::string_view digest) {
  ASSIGN_OR_RETURN(BorrowedStatement find,
                   db_.Borrow("SELECT id, size, crc32c, segment, offset, refs, digest "
                              "FROM contents WHERE digest = ?1 AND digest != x''"));
  ASSIGN_OR_RETURN(const bool found, find->BindBlob(1, digest).Step());
  if (!found) return std::optional<ContentRow>();
  return std::optional<ContentRow>(ReadContent(find));
}

Status SqliteIndex::PutContent(const ContentRow& row) {
  ASSIGN_OR_RETURN(BorrowedStatement put,
                   db_.Borrow("INSERT OR REPLACE INTO contents "
                              "(id, size, crc32c, segment, offset, refs, digest) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
  return put->BindInt(1, row.id)
      .BindInt(2, static_cast<int64_t>(row.size_bytes))
      .BindInt(3, row.crc32c)
      .BindInt(4, row.segment)
      .BindInt(5, static_cast<int64_t>(row.offset))
      .BindInt(6, row.references)
      .BindBlob(7, row.digest)
      .Run();
}

Status SqliteIndex::RemoveContent(int64_t id) {
  ASSIGN_OR_RETURN(BorrowedStatement remove, db_.Borrow("DELETE FROM contents WHERE id = ?1"));
  return remove->BindInt(1, id).Run();
}

Status SqliteIndex::ScanContents(int64_t from_id,
                                 const std::function<bool(const ContentRow&)>& visit) {
  ASSIGN_OR_RETURN(BorrowedStatement scan,
                   db_.Borrow("SELECT id, size, crc32c, segment, offset, refs, digest "
                              "FROM contents WHERE id >= ?1 ORDER BY id"));
  scan->BindInt(1, from_id);
  while (true) {
    ASSIGN_OR_RETURN(const bool more, scan->Step());
    if (!more || !visit(ReadContent(scan))) return OkStatus();
  }
}

Result<Index::Highest> SqliteIndex::FindHighest() {
  Highest highest;
  ASSIGN_OR_RETURN(const int64_t stored, db_.QueryInt("SELECT max(id) FROM contents"));
  ASSIGN_OR_RETURN(const int64_t uploading, db_.QueryInt("SELECT max(content) FROM uploads"));
  highest.content_id = std::max(stored, uploading);
  ASSIGN_OR_RETURN(highest.segment,
                   db_.QueryInt("SELECT max(segment) FROM contents WHERE segment > 0"));
  return highest;
}

Result<std::vector<ContentRow>> SqliteIndex::ContentsOfSegment(int64_t segment, size_t limit) {
  ASSIGN_OR_RETURN(BorrowedStatement scan,
                   db_.Borrow("SELECT id, size, crc32c, segment, offset, refs, digest "
                              "FROM contents WHERE segment = ?1 AND segment > 0 "
                              "ORDER BY id LIMIT ?2"));
  scan->BindInt(1, segment).BindInt(2, static_cast<int64_t>(limit));
  std::vector<ContentRow> rows;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, scan->Step());
    if (!more) return rows;
    rows.push_back(ReadContent(scan));
  }
}

Status SqliteIndex::AddLiveBytes(int64_t segment, int64_t delta) {
  ASSIGN_OR_RETURN(BorrowedStatement add,
                   db_.Borrow("INSERT INTO segments (id, live) VALUES (?1, ?2) "
                              "ON CONFLICT (id) DO UPDATE SET live = live + ?2"));
  return add->BindInt(1, segment).BindInt(2, delta).Run();
}

Result<std::vector<Index::SegmentRow>> SqliteIndex::ListSegments() {
  ASSIGN_OR_RETURN(BorrowedStatement scan, db_.Borrow("SELECT id, live FROM segments ORDER BY id"));
  std::vector<SegmentRow> rows;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, scan->Step());
    if (!more) return rows;
    rows.push_back(
        {scan->ColumnInt(0), static_cast<uint64_t>(std::max<int64_t>(scan->ColumnInt(1), 0))});
  }
}

Status SqliteIndex::ForgetSegment(int64_t segment) {
  ASSIGN_OR_RETURN(BorrowedStatement remove, db_.Borrow("DELETE FROM segments WHERE id = ?1"));
  return remove->BindInt(1, segment).Run();
}

Result<std::string> SqliteIndex::ContentKey() {
  ASSIGN_OR_RETURN(BorrowedStatement find,
                   db_.Borrow("SELECT value FROM settings WHERE name = 'content-key'"));
  ASSIGN_OR_RETURN(const bool found, find->Step());
  if (!found) return DamagedRow("settings");
  return std::string(find->ColumnBytes(0));
}

Status SqliteIndex::ScanReferences(const std::function<bool(int64_t, int64_t)>& visit) {
  ASSIGN_OR_RETURN(
      BorrowedStatement scan,
      db_.Borrow("SELECT content, count(*) FROM (SELECT content FROM live UNION ALL "
                 "SELECT content FROM noncurrent UNION ALL SELECT content FROM soft_deleted "
                 "UNION ALL SELECT content FROM holds UNION ALL SELECT content FROM parts) "
                 "GROUP BY content ORDER BY content"));
  while (true) {
    ASSIGN_OR_RETURN(const bool more, scan->Step());
    if (!more || !visit(scan->ColumnInt(0), scan->ColumnInt(1))) return OkStatus();
  }
}

Result<std::optional<HoldRow>> SqliteIndex::FindHold(std::string_view holder,
                                                     const Object& generation) {
  ASSIGN_OR_RETURN(
      BorrowedStatement find,
      db_.Borrow("SELECT content, object FROM holds "
                 "WHERE holder = ?1 AND bucket = ?2 AND name = ?3 AND generation = ?4"));
  find->BindBlob(1, holder)
      .BindBlob(2, generation.bucket())
      .BindBlob(3, generation.name())
      .BindInt(4, generation.generation());
  ASSIGN_OR_RETURN(const bool found, find->Step());
  if (!found) return std::optional<HoldRow>();
  ASSIGN_OR_RETURN(HoldRow row, ReadHold(find));
  return std::optional<HoldRow>(std::move(row));
}

Status SqliteIndex::PutHold(std::string_view holder, const HoldRow& row) {
  ASSIGN_OR_RETURN(BorrowedStatement put,
                   db_.Borrow("INSERT OR REPLACE INTO holds "
                              "(holder, bucket, name, generation, content, object) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"));
  const std::string bytes = row.object.SerializeAsString();
  return put->BindBlob(1, holder)
      .BindBlob(2, row.object.bucket())
      .BindBlob(3, row.object.name())
      .BindInt(4, row.object.generation())
      .BindInt(5, row.content_id)
      .BindBlob(6, bytes)
      .Run();
}

Result<std::vector<HoldRow>> SqliteIndex::HoldsOf(std::string_view holder, size_t limit) {
  ASSIGN_OR_RETURN(BorrowedStatement scan,
                   db_.Borrow("SELECT content, object FROM holds WHERE holder = ?1 "
                              "ORDER BY bucket, name, generation LIMIT ?2"));
  scan->BindBlob(1, holder).BindInt(2, static_cast<int64_t>(limit));
  std::vector<HoldRow> rows;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, scan->Step());
    if (!more) return rows;
    ASSIGN_OR_RETURN(HoldRow row, ReadHold(scan));
    rows.push_back(std::move(row));
  }
}

Result<size_t> SqliteIndex::CountHolds(std::string_view holder) {
  ASSIGN_OR_RETURN(BorrowedStatement count,
                   db_.Borrow("SELECT count(*) FROM holds WHERE holder = ?1"));
  ASSIGN_OR_RETURN(const bool row, count->BindBlob(1, holder).Step());
  return row ? static_cast<size_t>(count->ColumnInt(0)) : 0;
}

Status SqliteIndex::RemoveHold(std::string_view holder, const Object& generation) {
  ASSIGN_OR_RETURN(
      BorrowedStatement remove,
      db_.Borrow("DELETE FROM holds "
                 "WHERE holder = ?1 AND bucket = ?2 AND name = ?3 AND generation = ?4"));
  return remove->BindBlob(1, holder)
      .BindBlob(2, generation.bucket())
      .BindBlob(3, generation.name())
      .BindInt(4, generation.generation())
      .Run();
}

Result<std::vector<std::string>> SqliteIndex::ListHolders(std::string_view prefix) {
  // One seek per holder, however many generations it holds.
  ASSIGN_OR_RETURN(BorrowedStatement first,
                   db_.Borrow("SELECT holder FROM holds WHERE holder >= ?1 "
                              "ORDER BY holder LIMIT 1"));
  std::vector<std::string> holders;
  std::string from(prefix);
  while (true) {
    ASSIGN_OR_RETURN(const bool found, first->BindBlob(1, from).Step());
    if (!found || !first->ColumnBytes(0).starts_with(prefix)) return holders;
    holders.emplace_back(first->ColumnBytes(0));
    first->Reset();
    from = holders.back() + '\0';
  }
}

Result<Index::ReferenceCounts> SqliteIndex::CountReferences() {
  ASSIGN_OR_RETURN(const int64_t objects, db_.QueryInt("SELECT (SELECT count(*) FROM live) + "
                                                       "(SELECT count(*) FROM noncurrent) + "
                                                       "(SELECT count(*) FROM soft_deleted)"));
  ASSIGN_OR_RETURN(const int64_t holds, db_.QueryInt("SELECT count(*) FROM holds"));
  ASSIGN_OR_RETURN(const int64_t parts, db_.QueryInt("SELECT count(*) FROM parts"));
  return ReferenceCounts{static_cast<uint64_t>(objects), static_cast<uint64_t>(holds),
                         static_cast<uint64_t>(parts)};
}

}  // namespace hodei::store
