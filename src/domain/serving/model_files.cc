#include "domain/serving/model_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/digest.h"
#include "base/encoding.h"
#include "sys/file.h"

namespace hodei::serving {
namespace {

constexpr mode_t kFileMode = 0444;
constexpr mode_t kFolderMode = 0755;
constexpr size_t kReadBytes = 1 << 20;

store::GenerationName NameOf(const models::SourceFile& file) {
  return {file.bucket(), file.object(), file.generation()};
}

// True when the whole file could be linked: it is the object's only content, on the same disk.
bool Link(const store::FileSlice& slice, const std::string& path) {
  struct stat st {};
  if (slice.filler != nullptr || slice.offset != 0 || fstat(slice.fd.get(), &st) != 0 ||
      static_cast<uint64_t>(st.st_size) != slice.length) {
    return false;
  }
  const std::string opened = fmt::format("/proc/self/fd/{}", slice.fd.get());
  if (linkat(AT_FDCWD, opened.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) != 0) {
    return false;
  }
  // The replica is another host user. The store's folder is closed to all others, and what it has
  // stored it never writes to again.
  return fchmod(slice.fd.get(), kFileMode) == 0;
}

Status Place(store::ObjectStore* objects, std::string_view holder, const models::SourceFile& file,
             const std::string& path) {
  ASSIGN_OR_RETURN(const store::OpenedObject opened, objects->OpenHeld(holder, NameOf(file)));
  if (const auto* slice = std::get_if<store::FileSlice>(&opened.content)) {
    if (Link(*slice, path)) return OkStatus();
    (void)unlink(path.c_str());
    RETURN_IF_ERROR(objects->CopyHeldToFile(holder, NameOf(file), path));
  } else {
    ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_WRONLY | O_CREAT | O_EXCL, kFileMode));
    RETURN_IF_ERROR(WriteAll(fd.get(), std::get<std::string>(opened.content)));
  }
  if (chmod(path.c_str(), kFileMode) != 0) {
    return ErrnoStatus(errno, fmt::format("chmod '{}'", path));
  }
  return OkStatus();
}

Status PlaceAll(store::ObjectStore* objects, std::string_view holder,
                const models::ModelSource& source, const std::string& dir) {
  const std::string model = dir + "/model";
  RETURN_IF_ERROR(MakeDirectories(model, kFolderMode));
  for (const models::SourceFile& file : source.files()) {
    const std::string path = fmt::format("{}/{}", model, file.path());
    RETURN_IF_ERROR(MakeDirectories(path.substr(0, path.rfind('/')), kFolderMode));
    RETURN_IF_ERROR_CTX(Place(objects, holder, file, path),
                        fmt::format("gs://{}/{}", file.bucket(), file.object()));
  }
  RETURN_IF_ERROR(MakeDirectories(dir + "/packages", kFolderMode));
  for (int i = 0; i < source.packages_size(); ++i) {
    const models::SourceFile& file = source.packages(i);
    RETURN_IF_ERROR_CTX(Place(objects, holder, file, fmt::format("{}/packages/{}", dir, i)),
                        fmt::format("gs://{}/{}", file.bucket(), file.object()));
  }
  return OkStatus();
}

}  // namespace

Result<std::string> Sha256OfFile(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY));
  DigestStream digest(DigestStream::Kind::kSha256);
  std::string buffer(kReadBytes, '\0');
  while (true) {
    const ssize_t n = read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, fmt::format("read '{}'", path));
    if (n == 0) return HexEncode(digest.Final());
    digest.Update({buffer.data(), static_cast<size_t>(n)});
  }
}

std::string CompiledPath(std::string_view serving_dir, std::string_view uid) {
  return fmt::format("{}/{}/config/compiled", serving_dir, uid);
}

bool StageCompiled(std::string_view serving_dir, std::string_view uid,
                   const std::string& config_dir) {
  const std::string to = config_dir + "/compiled";
  (void)unlink(to.c_str());  // of an interrupted run
  return !uid.empty() && link(CompiledPath(serving_dir, uid).c_str(), to.c_str()) == 0;
}

std::string HolderOf(std::string_view uid) { return fmt::format("{}{}", kHolderPrefix, uid); }

Status HoldSource(store::ObjectStore* objects, std::string_view holder,
                  const models::ModelSource& source) {
  std::vector<store::GenerationName> names;
  for (const models::SourceFile& file : source.files()) names.push_back(NameOf(file));
  for (const models::SourceFile& file : source.packages()) names.push_back(NameOf(file));
  const auto held = objects->HoldGenerations(holder, names);
  if (held.status().code() == Code::kNotFound) {
    return FailedPrecondition(
        fmt::format("The model's files changed while they were read: {}", held.status().message()));
  }
  return held.status();
}

Status StageSource(store::ObjectStore* objects, std::string_view holder,
                   const models::ModelSource& source, const std::string& dir) {
  const std::string marker = dir + "/complete";
  if (FileExists(marker)) return OkStatus();
  RETURN_IF_ERROR(RemoveTree(dir));
  RETURN_IF_ERROR(MakeDirectories(dir, kFolderMode));
  const Status placed = PlaceAll(objects, holder, source, dir);
  if (placed.code() == Code::kNotFound) {
    return FailedPrecondition(fmt::format("A file of the model is gone: {}", placed.message()));
  }
  RETURN_IF_ERROR_CTX(placed, "stage the model's files");
  return WriteFileDurably(marker, "");
}

}  // namespace hodei::serving
