#include "server/job_sockets.h"

#include <fmt/format.h>

#include "sys/file.h"

namespace hodei::server {
namespace {

// The replica's uid is not ours: anyone who can see the folder may connect, and only the job's
// sandbox can see it.
constexpr mode_t kSocketMode = 0666;
constexpr mode_t kFolderMode = 0755;

}  // namespace

std::string SocketLabel(const std::string& job_name) { return "job:" + job_name; }

Status JobSocketListener::Open(const std::string& job_name, const std::string& dir) {
  if (server_ == nullptr) return FailedPrecondition("the server does not listen yet");
  RETURN_IF_ERROR(MakeDirectories(dir, kFolderMode));
  RETURN_IF_ERROR(server_->CloseUnix(SocketLabel(job_name)));
  return Annotate(server_->ListenUnix(dir + "/api.sock", kSocketMode, SocketLabel(job_name)),
                  fmt::format("open the API socket of '{}'", job_name));
}

Status JobSocketListener::Close(const std::string& job_name) {
  return server_ == nullptr ? OkStatus() : server_->CloseUnix(SocketLabel(job_name));
}

}  // namespace hodei::server
