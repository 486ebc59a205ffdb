// Rows of uploads: resumable ones, and multipart ones with their parts.
#include <algorithm>
#include <limits>

#include "store/object/sqlite_index.h"

namespace hodei::store {
namespace {

Result<UploadRow> ReadUpload(const BorrowedStatement& row) {
  UploadRow out;
  out.key = std::string(row->ColumnBytes(0));
  out.created_unix_seconds = row->ColumnInt(1);
  out.state = static_cast<UploadRow::State>(row->ColumnInt(2));
  out.content_id = row->ColumnInt(3);
  out.stored_bytes = static_cast<uint64_t>(row->ColumnInt(4));
  out.stored_crc32c = static_cast<uint32_t>(row->ColumnInt(5));
  const std::string_view upload = row->ColumnBytes(6);
  const std::string_view result = row->ColumnBytes(7);
  if (!out.upload.ParseFromArray(upload.data(), static_cast<int>(upload.size())) ||
      !out.result.ParseFromArray(result.data(), static_cast<int>(result.size()))) {
    return DamagedRow("upload");
  }
  return out;
}

Result<MultipartRow> ReadMultipart(const BorrowedStatement& row) {
  MultipartRow out;
  out.bucket_id = row->ColumnInt(0);
  out.name = std::string(row->ColumnBytes(1));
  out.id = std::string(row->ColumnBytes(2));
  out.created_unix_seconds = row->ColumnInt(3);
  out.finished = row->ColumnInt(4) != 0;
  const std::string_view upload = row->ColumnBytes(5);
  const std::string_view result = row->ColumnBytes(6);
  if (!out.upload.ParseFromArray(upload.data(), static_cast<int>(upload.size())) ||
      !out.result.ParseFromArray(result.data(), static_cast<int>(result.size()))) {
    return DamagedRow("multipart upload");
  }
  return out;
}

Result<std::vector<MultipartRow>> ReadMultiparts(BorrowedStatement& scan) {
  std::vector<MultipartRow> rows;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, scan->Step());
    if (!more) return rows;
    ASSIGN_OR_RETURN(MultipartRow row, ReadMultipart(scan));
    rows.push_back(std::move(row));
  }
}

PartRow ReadPart(const BorrowedStatement& row) {
  PartRow out;
  out.number = static_cast<int>(row->ColumnInt(0));
  out.content_id = row->ColumnInt(1);
  out.size_bytes = static_cast<uint64_t>(row->ColumnInt(2));
  out.crc32c = static_cast<uint32_t>(row->ColumnInt(3));
  out.md5 = std::string(row->ColumnBytes(4));
  out.created_unix_millis = row->ColumnInt(5);
  return out;
}

}  // namespace

Result<std::optional<UploadRow>> SqliteIndex::FindUpload(std::string_view key) {
  ASSIGN_OR_RETURN(BorrowedStatement find,
                   db_.Borrow("SELECT key, created, state, content, stored, stored_crc, upload, "
                              "result FROM uploads WHERE key = ?1"));
  ASSIGN_OR_RETURN(const bool found, find->BindBlob(1, key).Step());
  if (!found) return std::optional<UploadRow>();
  ASSIGN_OR_RETURN(UploadRow row, ReadUpload(find));
  return std::optional<UploadRow>(std::move(row));
}

Status SqliteIndex::PutUpload(const UploadRow& row) {
  ASSIGN_OR_RETURN(BorrowedStatement put,
                   db_.Borrow("INSERT OR REPLACE INTO uploads "
                              "(key, created, state, content, stored, stored_crc, upload, result) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"));
  const std::string upload = row.upload.SerializeAsString();
  const std::string result = row.result.SerializeAsString();
  return put->BindBlob(1, row.key)
      .BindInt(2, row.created_unix_seconds)
      .BindInt(3, static_cast<int64_t>(row.state))
      .BindInt(4, row.content_id)
      .BindInt(5, static_cast<int64_t>(row.stored_bytes))
      .BindInt(6, row.stored_crc32c)
      .BindBlob(7, upload)
      .BindBlob(8, result)
      .Run();
}

Status SqliteIndex::RemoveUpload(std::string_view key) {
  ASSIGN_OR_RETURN(BorrowedStatement remove, db_.Borrow("DELETE FROM uploads WHERE key = ?1"));
  return remove->BindBlob(1, key).Run();
}

Result<size_t> SqliteIndex::CountOpenUploads() {
  ASSIGN_OR_RETURN(const int64_t count,
                   db_.QueryInt("SELECT count(*) FROM uploads WHERE state = 0"));
  return static_cast<size_t>(count);
}

Result<std::vector<UploadRow>> SqliteIndex::UploadsBefore(int64_t unix_seconds, size_t limit) {
  ASSIGN_OR_RETURN(BorrowedStatement scan,
                   db_.Borrow("SELECT key, created, state, content, stored, stored_crc, upload, "
                              "result FROM uploads WHERE created < ?1 ORDER BY created LIMIT ?2"));
  scan->BindInt(1, unix_seconds)
      .BindInt(2,
               static_cast<int64_t>(std::min<size_t>(limit, std::numeric_limits<int64_t>::max())));
  std::vector<UploadRow> rows;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, scan->Step());
    if (!more) return rows;
    ASSIGN_OR_RETURN(UploadRow row, ReadUpload(scan));
    rows.push_back(std::move(row));
  }
}

Result<std::optional<MultipartRow>> SqliteIndex::FindMultipart(int64_t bucket_id,
                                                               std::string_view name,
                                                               std::string_view id) {
  ASSIGN_OR_RETURN(
      BorrowedStatement find,
      db_.Borrow("SELECT bucket, name, id, created, finished, upload, result FROM multiparts "
                 "WHERE bucket = ?1 AND name = ?2 AND id = ?3"));
  ASSIGN_OR_RETURN(const bool found,
                   find->BindInt(1, bucket_id).BindBlob(2, name).BindBlob(3, id).Step());
  if (!found) return std::optional<MultipartRow>();
  ASSIGN_OR_RETURN(MultipartRow row, ReadMultipart(find));
  return std::optional<MultipartRow>(std::move(row));
}

Status SqliteIndex::PutMultipart(const MultipartRow& row) {
  ASSIGN_OR_RETURN(BorrowedStatement put,
                   db_.Borrow("INSERT OR REPLACE INTO multiparts "
                              "(bucket, name, id, created, finished, upload, result) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
  const std::string upload = row.upload.SerializeAsString();
  const std::string result = row.result.SerializeAsString();
  return put->BindInt(1, row.bucket_id)
      .BindBlob(2, row.name)
      .BindBlob(3, row.id)
      .BindInt(4, row.created_unix_seconds)
      .BindInt(5, row.finished ? 1 : 0)
      .BindBlob(6, upload)
      .BindBlob(7, result)
      .Run();
}

Status SqliteIndex::RemoveMultipart(const MultipartRow& row) {
  ASSIGN_OR_RETURN(
      BorrowedStatement remove,
      db_.Borrow("DELETE FROM multiparts WHERE bucket = ?1 AND name = ?2 AND id = ?3"));
  return remove->BindInt(1, row.bucket_id).BindBlob(2, row.name).BindBlob(3, row.id).Run();
}

Result<std::vector<MultipartRow>> SqliteIndex::ScanMultiparts(int64_t bucket_id,
                                                              std::string_view name,
                                                              std::string_view id, size_t limit) {
  ASSIGN_OR_RETURN(
      BorrowedStatement scan,
      db_.Borrow("SELECT bucket, name, id, created, finished, upload, result FROM multiparts "
                 "WHERE bucket = ?1 AND (name, id) > (?2, ?3) AND finished = 0 "
                 "ORDER BY name, id LIMIT ?4"));
  scan->BindInt(1, bucket_id)
      .BindBlob(2, name)
      .BindBlob(3, id)
      .BindInt(4, static_cast<int64_t>(limit));
  return ReadMultiparts(scan);
}

Result<size_t> SqliteIndex::CountOpenMultiparts() {
  ASSIGN_OR_RETURN(const int64_t count,
                   db_.QueryInt("SELECT count(*) FROM multiparts WHERE finished = 0"));
  return static_cast<size_t>(count);
}

Result<std::vector<MultipartRow>> SqliteIndex::MultipartsBefore(int64_t unix_seconds,
                                                                size_t limit) {
  ASSIGN_OR_RETURN(
      BorrowedStatement scan,
      db_.Borrow("SELECT bucket, name, id, created, finished, upload, result FROM multiparts "
                 "WHERE created < ?1 ORDER BY created LIMIT ?2"));
  scan->BindInt(1, unix_seconds).BindInt(2, static_cast<int64_t>(limit));
  return ReadMultiparts(scan);
}

Result<std::optional<PartRow>> SqliteIndex::FindPart(std::string_view upload_id, int number) {
  ASSIGN_OR_RETURN(BorrowedStatement find,
                   db_.Borrow("SELECT number, content, size, crc32c, md5, created FROM parts "
                              "WHERE upload = ?1 AND number = ?2"));
  ASSIGN_OR_RETURN(const bool found, find->BindBlob(1, upload_id).BindInt(2, number).Step());
  if (!found) return std::optional<PartRow>();
  return std::optional<PartRow>(ReadPart(find));
}

Status SqliteIndex::PutPart(std::string_view upload_id, const PartRow& row) {
  ASSIGN_OR_RETURN(BorrowedStatement put,
                   db_.Borrow("INSERT OR REPLACE INTO parts "
                              "(upload, number, content, size, crc32c, md5, created) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
  return put->BindBlob(1, upload_id)
      .BindInt(2, row.number)
      .BindInt(3, row.content_id)
      .BindInt(4, static_cast<int64_t>(row.size_bytes))
      .BindInt(5, row.crc32c)
      .BindBlob(6, row.md5)
      .BindInt(7, row.created_unix_millis)
      .Run();
}

Status SqliteIndex::RemovePart(std::string_view upload_id, int number) {
  ASSIGN_OR_RETURN(BorrowedStatement remove,
                   db_.Borrow("DELETE FROM parts WHERE upload = ?1 AND number = ?2"));
  return remove->BindBlob(1, upload_id).BindInt(2, number).Run();
}

Result<std::vector<PartRow>> SqliteIndex::ScanParts(std::string_view upload_id, int after,
                                                    size_t limit) {
  ASSIGN_OR_RETURN(BorrowedStatement scan,
                   db_.Borrow("SELECT number, content, size, crc32c, md5, created FROM parts "
                              "WHERE upload = ?1 AND number > ?2 ORDER BY number LIMIT ?3"));
  scan->BindBlob(1, upload_id).BindInt(2, after).BindInt(3, static_cast<int64_t>(limit));
  std::vector<PartRow> rows;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, scan->Step());
    if (!more) return rows;
    rows.push_back(ReadPart(scan));
  }
}

}  // namespace hodei::store
