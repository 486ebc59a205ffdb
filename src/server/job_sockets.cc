#include "server/job_sockets.h"

#include <fmt/format.h>

#include "domain/access/job_peer.h"
#include "sys/file.h"

namespace hodei::server {
namespace {

// The replica's uid is not ours: anyone who can see the folder may connect, and only the job's
// sandbox can see it.
constexpr mode_t kSocketMode = 0666;
constexpr mode_t kFolderMode = 0755;

std::string LabelOf(std::string_view kind, const std::string& job_name) {
  return std::string(kind) + job_name;
}

}  // namespace

Status JobSocketListener::Open(const std::string& job_name, const std::string& dir) {
  if (server_ == nullptr) return FailedPrecondition("the server does not listen yet");
  RETURN_IF_ERROR(MakeDirectories(dir, kFolderMode));
  RETURN_IF_ERROR(Close(job_name));
  const Status opened = Listen(job_name, dir);
  if (!opened.ok()) (void)Close(job_name).ok();
  return Annotate(opened, fmt::format("open the sockets of '{}'", job_name));
}

Status JobSocketListener::Listen(const std::string& job_name, const std::string& dir) {
  RETURN_IF_ERROR(
      server_->ListenUnix(dir + "/api.sock", kSocketMode, LabelOf(access::kJobSocket, job_name)));
  if (certificates_ == nullptr) return OkStatus();
  RETURN_IF_ERROR(
      server_->ListenUnix(dir + "/web.sock", kSocketMode, LabelOf(access::kWebSocket, job_name)));
  return server_->ListenUnixTls(dir + "/tls.sock", kSocketMode,
                                LabelOf(access::kTlsSocket, job_name), certificates_);
}

Status JobSocketListener::Close(const std::string& job_name) {
  if (server_ == nullptr) return OkStatus();
  for (const auto kind : {access::kJobSocket, access::kWebSocket, access::kTlsSocket}) {
    RETURN_IF_ERROR(server_->CloseUnix(LabelOf(kind, job_name)));
  }
  return OkStatus();
}

}  // namespace hodei::server
