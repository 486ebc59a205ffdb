#include "domain/jobs/staging.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/digest.h"
#include "base/encoding.h"
#include "sys/file.h"

namespace hodei::jobs {
namespace {

constexpr size_t kReadChunkBytes = 1 << 20;
constexpr size_t kFileNameMaxBytes = 200;

Result<std::string> Sha256OfFile(const std::string& path) {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDONLY | O_CLOEXEC));
  DigestStream digest(DigestStream::Kind::kSha256);
  std::string buffer(kReadChunkBytes, '\0');
  while (true) {
    const ssize_t got = read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, fmt::format("read '{}'", path));
    if (got == 0) break;
    digest.Update(std::string_view(buffer).substr(0, static_cast<size_t>(got)));
  }
  // The marker that is written next says that this file is complete, also after a power loss.
  if (fsync(fd.get()) != 0) return ErrnoStatus(errno, fmt::format("fsync '{}'", path));
  return HexEncode(digest.Final());
}

Status Gone(const PackageSource& source) {
  return FailedPrecondition(fmt::format(
      "The package {} cannot be read any more: it was deleted after the job was created.",
      source.uri()));
}

// The generation that the job was created with or, when it was replaced, the live one, provided
// the bucket is still the one that the creator was allowed to read.
Status CopyPackage(store::ObjectStore* objects, const PackageSource& source,
                   const std::string& path, std::vector<std::string>* warnings) {
  Status copied = objects->CopyToFile(source.bucket(), source.object(), source.generation(), path);
  if (copied.code() != Code::kNotFound) return copied;
  Result<store::Bucket> bucket = objects->GetBucket(source.bucket());
  if (bucket.status().code() == Code::kNotFound) return Gone(source);
  if (!bucket.ok()) return bucket.status();
  if (bucket->project_id() != source.bucket_project()) return Gone(source);
  copied = objects->CopyToFile(source.bucket(), source.object(), std::nullopt, path);
  if (copied.code() == Code::kNotFound) return Gone(source);
  if (copied.ok()) {
    warnings->push_back(
        fmt::format("The package {} was replaced after the job was created; the new one is used.",
                    source.uri()));
  }
  return copied;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  size_t start = 0;
  for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', start)) {
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

}  // namespace

std::string PackageFileName(std::string_view object, size_t number) {
  const size_t slash = object.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? object : object.substr(slash + 1);
  const bool plain = !name.empty() && name.size() <= kFileNameMaxBytes && name[0] != '.' &&
                     name[0] != '-' && std::all_of(name.begin(), name.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-' ||
                              c == '+' || c == '!';
                     });
  if (plain) return std::string(name);
  for (const char* ending : {".tar.gz", ".tgz", ".whl", ".zip", ".tar.bz2", ".tar"}) {
    if (name.ends_with(ending)) return fmt::format("package-{}{}", number, ending);
  }
  return fmt::format("package-{}.tar.gz", number);
}

Result<StagedPackages> StagePackages(store::ObjectStore* objects, const JobRecord& record,
                                     const std::string& dir) {
  const std::string folder = fmt::format("{}/a{}", dir, record.attempt().number());
  const std::string marker = folder + "/complete";
  std::vector<std::string> digests;
  StagedPackages staged;
  if (FileExists(marker)) {
    ASSIGN_OR_RETURN(const std::string text, ReadFile(marker));
    digests = Lines(text);
  }
  const auto count = static_cast<size_t>(record.packages_size());
  if (digests.size() != count) {
    digests.clear();
    RETURN_IF_ERROR(RemoveTree(folder));
    RETURN_IF_ERROR(MakeDirectories(folder));
    std::string text;
    for (size_t i = 0; i < count; ++i) {
      const std::string path = fmt::format("{}/{}", folder, i);
      RETURN_IF_ERROR(
          CopyPackage(objects, record.packages(static_cast<int>(i)), path, &staged.warnings));
      ASSIGN_OR_RETURN(std::string digest, Sha256OfFile(path));
      text += digest + "\n";
      digests.push_back(std::move(digest));
    }
    RETURN_IF_ERROR(WriteFileDurably(marker, text));
  }
  for (size_t i = 0; i < count; ++i) {
    staged.files.push_back(
        {.host_path = fmt::format("{}/{}", folder, i),
         .file_name = PackageFileName(record.packages(static_cast<int>(i)).object(), i),
         .sha256 = digests[i]});
  }
  return staged;
}

}  // namespace hodei::jobs
