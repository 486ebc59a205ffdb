#include "store/object/remote_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/random_id.h"
#include "store/object/open_store.h"
#include "store/object/remote_contents.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

constexpr const char* kPlaceName = "/content.place";
constexpr const char* kOwnerKey = "owner";
// Of which a process gives out fewer: ids are not given out twice, though no process says how many
// it gave out.
constexpr int64_t kIdsOfAProcess = int64_t{1} << 32;

Result<ContentPlace> Parse(const std::string& bytes, const std::string& where) {
  ContentPlace place;
  if (!place.ParseFromString(bytes)) {
    return DataLoss(fmt::format("{} is damaged: restore it from a backup", where));
  }
  return place;
}

// Who used the bytes last; absent when nobody did.
Result<std::optional<ContentPlace>> ReadOwner(S3Client* server, const std::string& prefix) {
  const Result<std::string> bytes = server->GetSmall(prefix + kOwnerKey);
  if (bytes.status().code() == Code::kNotFound) return std::optional<ContentPlace>();
  RETURN_IF_ERROR(bytes.status());
  ASSIGN_OR_RETURN(ContentPlace owner, Parse(*bytes, fmt::format("'{}{}' in the {}", prefix,
                                                                 kOwnerKey, server->place())));
  return std::optional(std::move(owner));
}

Status CheckSamePlace(const ContentPlace& ours, const RemoteOptions& options) {
  if (ours.endpoint() == options.server.endpoint && ours.bucket() == options.server.bucket &&
      ours.prefix() == options.prefix) {
    return OkStatus();
  }
  return FailedPrecondition(fmt::format(
      "the contents of this data folder are in bucket '{}' at {} under '{}', not where storage.s3 "
      "says: correct it, or move all objects there and set storage.s3.take_over",
      ours.bucket(), ours.endpoint(), ours.prefix()));
}

// Whether this folder was the last to use the bytes. Its own record is written first: after starts
// that failed it is ahead.
Status CheckOwner(const std::optional<ContentPlace>& ours, const std::optional<ContentPlace>& owner,
                  const S3Client& server, const RemoteOptions& options, bool index_is_empty) {
  if (options.take_over) return OkStatus();
  if (!ours) {
    if (!index_is_empty) {
      return FailedPrecondition(
          "this data folder has its contents in itself: storage.s3 is for a new one. Start another "
          "server with storage.s3 and copy, for example with hodei storage rsync");
    }
    if (!owner) return OkStatus();
    return FailedPrecondition(
        fmt::format("the {} has another server's contents under '{}': choose another "
                    "storage.s3.prefix",
                    server.place(), options.prefix));
  }
  RETURN_IF_ERROR(CheckSamePlace(*ours, options));
  if (!owner && index_is_empty) return OkStatus();  // the first start did not get further
  if (!owner) {
    return DataLoss(fmt::format("the {} has lost the contents of this data folder under '{}'",
                                server.place(), options.prefix));
  }
  if (owner->store_id() == ours->store_id() && owner->epoch() <= ours->epoch()) return OkStatus();
  return FailedPrecondition(fmt::format(
      "the contents in the {} under '{}' were used by another data folder since: if that one is "
      "gone for good, set storage.s3.take_over for one start",
      server.place(), options.prefix));
}

// Makes folder and bytes each other's for this process.
Status Claim(const std::string& directory, S3Client* server, const RemoteOptions& options,
             bool index_is_empty, int64_t* next_content_id) {
  ASSIGN_OR_RETURN(const std::optional<ContentPlace> ours, ReadContentPlace(directory));
  ASSIGN_OR_RETURN(const std::optional<ContentPlace> owner, ReadOwner(server, options.prefix));
  RETURN_IF_ERROR(CheckOwner(ours, owner, *server, options, index_is_empty));
  ContentPlace place;
  place.set_endpoint(options.server.endpoint);
  place.set_bucket(options.server.bucket);
  place.set_prefix(options.prefix);
  place.set_store_id(ours ? ours->store_id() : owner ? owner->store_id() : RandomId());
  place.set_epoch(std::max(ours ? ours->epoch() : 0, owner ? owner->epoch() : 0) + 1);
  const int64_t given_out =
      std::max(ours ? ours->next_content_id() : 0, owner ? owner->next_content_id() : 0);
  *next_content_id = std::max(*next_content_id, given_out);
  place.set_next_content_id(*next_content_id + kIdsOfAProcess);
  RETURN_IF_ERROR(WriteFileDurably(directory + kPlaceName, place.SerializeAsString()));
  return server->Put(options.prefix + kOwnerKey, place.SerializeAsString());
}

Status CheckOptions(const RemoteOptions& options) {
  const bool plain = std::all_of(options.prefix.begin(), options.prefix.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '/';
  });
  if (plain && (options.prefix.empty() || options.prefix.back() == '/') &&
      !options.prefix.starts_with('/')) {
    return OkStatus();
  }
  return InvalidArgument(
      "storage.s3.prefix: letters, digits, '-', '_', '.' and '/', with '/' at its end");
}

Result<std::unique_ptr<ContentStore>> MakeContents(const std::string& directory,
                                                   const std::string& cache_folder,
                                                   const RemoteOptions& options,
                                                   std::unique_ptr<S3Client> server,
                                                   int64_t next_content_id) {
  RemoteContents::Parts parts;
  parts.server = std::move(server);
  parts.prefix = options.prefix;
  parts.directory = directory;
  parts.cache_folder = cache_folder;
  parts.cache_bytes = options.cache_bytes;
  parts.removals_waiting = options.removals_waiting;
  parts.next_content_id = next_content_id;
  ASSIGN_OR_RETURN(std::unique_ptr<RemoteContents> contents,
                   RemoteContents::Create(std::move(parts)));
  return std::unique_ptr<ContentStore>(std::move(contents));
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> OpenRemoteObjectStore(const std::string& directory,
                                                           const Clock* clock,
                                                           const RemoteOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  LocalObjectStoreOptions local;
  local.directory = directory;
  local.clock = clock;
  local.small_object_bytes = 0;
  return OpenStoreFolder(
      local,
      [&](const Index::Highest& highest,
          int64_t* next_content_id) -> Result<std::unique_ptr<ContentStore>> {
        ASSIGN_OR_RETURN(std::unique_ptr<S3Client> server, S3Client::Create(options.server));
        RETURN_IF_ERROR_CTX(
            Claim(directory, server.get(), options, highest.content_id == 0, next_content_id),
            "open the object store");
        return MakeContents(directory, directory + "/cache", options, std::move(server),
                            *next_content_id);
      });
}

Result<std::unique_ptr<ContentStore>> OpenRemoteContents(const std::string& directory,
                                                         const std::string& cache_folder,
                                                         const RemoteOptions& options) {
  ASSIGN_OR_RETURN(const std::optional<ContentPlace> place, ReadContentPlace(directory));
  if (!place) return FailedPrecondition(fmt::format("'{}' has its contents in itself", directory));
  RETURN_IF_ERROR(CheckSamePlace(*place, options));
  ASSIGN_OR_RETURN(std::unique_ptr<S3Client> server, S3Client::Create(options.server));
  return MakeContents(directory, cache_folder, options, std::move(server), 0);
}

Result<std::optional<ContentPlace>> ReadContentPlace(const std::string& directory) {
  const std::string path = directory + kPlaceName;
  const Result<std::string> bytes = ReadFile(path);
  if (bytes.status().code() == Code::kNotFound) return std::optional<ContentPlace>();
  RETURN_IF_ERROR(bytes.status());
  ASSIGN_OR_RETURN(ContentPlace place, Parse(*bytes, fmt::format("'{}'", path)));
  return std::optional(std::move(place));
}

Status LivesElsewhere(const std::string& directory, const ContentPlace& place) {
  return FailedPrecondition(fmt::format(
      "the contents of '{}' are in bucket '{}' at {}: name that server in the configuration's "
      "storage.s3",
      directory, place.bucket(), place.endpoint()));
}

}  // namespace hodei::store
