// One resumable upload session: from its start, or from where an earlier run left it, to the stored
// object.
#pragma once

#include <string>

#include "cli/storage/local_file.h"
#include "cli/storage/transfer.h"

namespace hodei::cli {

class ResumableUpload {
 public:
  // All must outlive this. `journal` may be null.
  ResumableUpload(Api& api, const LocalFile& source, const UploadRequest& request,
                  const ObjectSettings& settings, const TransferReport& report)
      : api_(api), source_(source), request_(request), settings_(settings), report_(report) {}

  Result<ObjectEntry> Run();

 private:
  Status Start();
  Status Continue(uint64_t* offset, bool* finished);
  Result<net::ClientResponse> SendFrom(uint64_t offset);
  Result<std::optional<uint64_t>> Ask(bool any_size);
  Status HashUpTo(uint64_t end);
  void Hash(uint64_t at, std::string_view piece);
  Result<ObjectEntry> Finish(const net::ClientResponse& response);
  Result<ObjectEntry> SendAll(uint64_t offset);

  Api& api_;
  const LocalFile& source_;
  const UploadRequest& request_;
  const ObjectSettings& settings_;
  const TransferReport& report_;
  TransferEntry entry_;
  std::string session_;
  net::ClientResponse finished_;
  uint64_t hashed_ = 0;
  uint32_t crc_ = 0;
};

// What must be the same for an upload to be continued by a later run.
std::string UploadKey(const Api& api, const LocalFile& source, const GsUrl& to,
                      const ObjectSettings& settings);
// The path and query of the session that an upload request with uploadType=resumable was given.
Result<std::string> StartSession(Api& api, const GsUrl& to, const ObjectSettings& settings,
                                 std::optional<uint64_t> size);
// Compares the stored object with what was sent; a wrong one is deleted.
Result<ObjectEntry> CheckStored(Api& api, std::string_view body, const GsUrl& to, uint64_t size,
                                uint32_t crc);
// How many bytes the "Range: bytes=0-LAST" of a 308 says are stored.
uint64_t StoredBytes(const net::ClientResponse& response);

constexpr std::chrono::hours kStreamDeadline(24);

}  // namespace hodei::cli
