// Multipart uploads: parts are contents with a reference each, in any order, until they are
// completed to one object.
#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "base/random_id.h"
#include "store/object/indexed_store.h"
#include "store/object/names.h"
#include "store/object/object_metadata.h"
#include "store/object/preconditions.h"

namespace hodei::store {
namespace {

constexpr size_t kUploadIdCharacters = 64;

Status NoSuchUpload() {
  return NotFound("The requested upload was not found.").WithReason("noSuchUpload");
}

int64_t UnixSeconds(WallTime time) { return time.unix_nanos / 1'000'000'000; }

MultipartUpload ToUpload(const MultipartRow& row) {
  return {row.id, row.upload.principal(), row.upload.object(), row.upload.time_created()};
}

MultipartPart ToPart(const PartRow& row) {
  MultipartPart part{row.number, row.size_bytes, row.md5, row.crc32c, {}};
  part.time_created = ToMilliseconds(WallTime{row.created_unix_millis * 1'000'000});
  return part;
}

Status CheckOrder(const std::vector<CompletedPart>& parts) {
  if (parts.empty() || parts.size() > kMultipartPartLimit) {
    return InvalidArgument(
               fmt::format("An upload is completed by 1 to {} parts.", kMultipartPartLimit))
        .WithReason("invalid");
  }
  for (size_t i = 1; i < parts.size(); ++i) {
    if (parts[i].number > parts[i - 1].number) continue;
    return InvalidArgument("The list of parts was not in ascending order.")
        .WithReason("invalidPartOrder");
  }
  return OkStatus();
}

}  // namespace

Result<std::string> IndexedStore::StartMultipart(const UploadStart& start) {
  RETURN_IF_ERROR(CheckObjectName(start.object.name()));
  RETURN_IF_ERROR(CheckMetadata(start.object));
  MultipartRow row;
  row.name = start.object.name();
  row.id = RandomId(kUploadIdCharacters);
  row.upload.set_principal(start.principal);
  *row.upload.mutable_object() = TakeMetadata(start.object);
  *row.upload.mutable_time_created() = ToMilliseconds(clock_.Now());
  row.created_unix_seconds = UnixSeconds(clock_.Now());
  RETURN_IF_ERROR(Change([&](Index& index, Freed*) -> Status {
    ASSIGN_OR_RETURN(const BucketRow bucket, FindBucket(index, start.object.bucket()));
    ASSIGN_OR_RETURN(const size_t open, index.CountOpenMultiparts());
    if (open >= kOpenUploadLimit) {
      return ResourceExhausted("Too many unfinished uploads; complete or abort some first.")
          .WithReason("rateLimitExceeded");
    }
    row.bucket_id = bucket.id;
    return index.PutMultipart(row);
  }));
  return row.id;
}

Result<MultipartRow> IndexedStore::FindMultipart(Index& index, const MultipartKey& key) const {
  ASSIGN_OR_RETURN(const BucketRow bucket, FindBucket(index, key.bucket));
  ASSIGN_OR_RETURN(std::optional<MultipartRow> row,
                   index.FindMultipart(bucket.id, key.name, key.id));
  const int64_t now = UnixSeconds(clock_.Now());
  if (!row || row->created_unix_seconds + std::chrono::seconds(kUploadLifetime).count() <= now) {
    return NoSuchUpload();
  }
  return *std::move(row);
}

Result<MultipartPart> IndexedStore::CommitPartContent(ContentSharing* sharing,
                                                      const MultipartKey& upload, int number,
                                                      const std::string& md5) {
  const ContentFacts& facts = sharing->content.facts();
  PartRow row{number, 0, facts.size_bytes, facts.crc32c, md5, clock_.Now().unix_nanos / 1'000'000};
  RETURN_IF_ERROR(
      ChangeWith(sharing, [&](Index& index, const PlaceFunction& place, Freed* freed) -> Status {
        ASSIGN_OR_RETURN(const MultipartRow there, FindMultipart(index, upload));
        if (there.finished) return NoSuchUpload();
        ASSIGN_OR_RETURN(const std::optional<PartRow> old, index.FindPart(upload.id, number));
        ASSIGN_OR_RETURN(row.content_id, place());
        RETURN_IF_ERROR(index.PutPart(upload.id, row));
        return old ? Unreference(index, old->content_id, freed) : OkStatus();
      }));
  return ToPart(row);
}

Status IndexedStore::RemoveParts(Index& index, const std::string& upload_id, Freed* freed) {
  ASSIGN_OR_RETURN(const std::vector<PartRow> parts,
                   index.ScanParts(upload_id, 0, kMultipartPartLimit));
  for (const PartRow& part : parts) {
    RETURN_IF_ERROR(index.RemovePart(upload_id, part.number));
    RETURN_IF_ERROR(Unreference(index, part.content_id, freed));
  }
  return OkStatus();
}

// The parts the client named, as they are now. `row` is finished when the upload is.
Result<std::vector<PartRow>> IndexedStore::ChooseParts(const MultipartKey& upload,
                                                       const std::vector<CompletedPart>& parts,
                                                       MultipartRow* row) {
  std::vector<PartRow> chosen;
  RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(*row, FindMultipart(index, upload));
    if (row->finished) return OkStatus();
    for (const CompletedPart& part : parts) {
      ASSIGN_OR_RETURN(std::optional<PartRow> found, index.FindPart(upload.id, part.number));
      if (!found || (!part.md5.empty() && part.md5 != found->md5)) {
        return InvalidArgument(
                   fmt::format("Part {} was not found, or its ETag is another.", part.number))
            .WithReason("invalidPart");
      }
      if (found->size_bytes < kMultipartPartBytesMin && &part != &parts.back()) {
        return InvalidArgument("Your proposed upload is smaller than the minimum allowed size.")
            .WithReason("entityTooSmall");
      }
      chosen.push_back(*std::move(found));
    }
    return OkStatus();
  }));
  return chosen;
}

Result<Object> IndexedStore::CompleteMultipart(const MultipartKey& upload,
                                               const std::vector<CompletedPart>& parts,
                                               const Preconditions& preconditions) {
  RETURN_IF_ERROR(CheckOrder(parts));
  MultipartRow row;
  ASSIGN_OR_RETURN(const std::vector<PartRow> chosen, ChooseParts(upload, parts, &row));
  if (row.finished) return row.result;
  return AssembleParts(upload, row, chosen, preconditions);
}

Result<Object> IndexedStore::AssembleParts(const MultipartKey& key, const MultipartRow& upload,
                                           const std::vector<PartRow>& parts,
                                           const Preconditions& preconditions) {
  ContentBuilder builder(&tools_, ContentBuilder::Md5::kNo);
  for (const PartRow& part : parts) {
    ContentRow content;
    RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
      ASSIGN_OR_RETURN(const std::optional<ContentRow> row, index.FindContent(part.content_id));
      if (!row) return NoSuchUpload();  // aborted or replaced meanwhile
      content = *row;
      return OkStatus();
    }));
    if (builder.size_bytes() + content.size_bytes > kObjectSizeLimit) {
      return InvalidArgument("Objects must not exceed 5 TiB.").WithReason("invalid");
    }
    RETURN_IF_ERROR_CTX(
        ReadContent(content, [&](std::string_view piece) { return builder.Append(piece); }),
        fmt::format("read part {} of '{}/{}'", part.number, key.bucket, key.name));
  }
  builder.End();
  ContentSharing sharing(&builder);
  RETURN_IF_ERROR(PrepareSharing(&sharing));
  Object object = upload.upload.object();
  object.set_size(builder.size_bytes());
  object.set_crc32c(builder.facts().crc32c);
  MultipartRow row = upload;
  row.finished = true;
  RETURN_IF_ERROR(
      ChangeWith(&sharing, [&](Index& index, const PlaceFunction& place, Freed* freed) -> Status {
        ASSIGN_OR_RETURN(const MultipartRow there, FindMultipart(index, key));
        if (there.finished) {  // somebody else was faster with the same
          row = there;
          return OkStatus();
        }
        ASSIGN_OR_RETURN(const BucketRow bucket, FindBucket(index, key.bucket));
        RETURN_IF_ERROR(CheckWrite(index, bucket, key.name, preconditions));
        ASSIGN_OR_RETURN(const int64_t content, place());
        ASSIGN_OR_RETURN(row.result, Install(index, bucket, object, content, freed));
        RETURN_IF_ERROR(RemoveParts(index, key.id, freed));
        return index.PutMultipart(row);
      }));
  return row.result;
}

Status IndexedStore::AbortMultipart(const MultipartKey& upload) {
  return Change(
      [&](Index& index, Freed* freed) -> Status {
        ASSIGN_OR_RETURN(const MultipartRow row, FindMultipart(index, upload));
        if (row.finished) return NoSuchUpload();
        RETURN_IF_ERROR(RemoveParts(index, row.id, freed));
        return index.RemoveMultipart(row);
      },
      WriteKind::kFrees);
}

Result<ListPartsPage> IndexedStore::ListParts(const MultipartKey& upload, int after, size_t limit) {
  limit = std::clamp<size_t>(limit, 1, 1000);
  ListPartsPage page;
  RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(const MultipartRow row, FindMultipart(index, upload));
    if (row.finished) return NoSuchUpload();
    page.upload = ToUpload(row);
    ASSIGN_OR_RETURN(const std::vector<PartRow> parts,
                     index.ScanParts(upload.id, after, limit + 1));
    page.more = parts.size() > limit;
    for (const PartRow& part : parts) {
      if (page.parts.size() < limit) page.parts.push_back(ToPart(part));
    }
    return OkStatus();
  }));
  return page;
}

Result<ListMultipartsPage> IndexedStore::ListMultiparts(std::string_view bucket,
                                                        const ListMultipartsOptions& options) {
  const size_t limit = std::clamp<size_t>(options.limit, 1, 1000);
  // Ids are letters and digits: behind all of a name's uploads comes its name with this id.
  const std::string last_id(1, '\x7f');
  ListMultipartsPage page;
  RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(const BucketRow row, FindBucket(index, bucket));
    std::string name = options.after_name;
    std::string id = options.after_id.empty() && !name.empty() ? last_id : options.after_id;
    if (name < options.prefix) {
      name = options.prefix;
      id.clear();
    }
    ASSIGN_OR_RETURN(const std::vector<MultipartRow> rows,
                     index.ScanMultiparts(row.id, name, id, limit + 1));
    for (const MultipartRow& upload : rows) {
      if (!upload.name.starts_with(options.prefix)) break;
      page.more = page.uploads.size() == limit;
      if (page.more) break;
      page.uploads.push_back(ToUpload(upload));
    }
    return OkStatus();
  }));
  return page;
}

}  // namespace hodei::store
