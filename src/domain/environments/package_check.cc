#include "domain/environments/package_check.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encoding.h"
#include "sys/file.h"

namespace hodei::environments {
namespace {

constexpr size_t kHeadBytes = 16;
constexpr size_t kFileNameBytesMax = 1024;

enum class Form { kUnknown, kTar, kZip };

Form FormByMagic(std::string_view head) {
  using std::string_view_literals::operator""sv;
  if (head.starts_with("PK\x03\x04"sv)) return Form::kZip;
  for (std::string_view magic : {"\x1f\x8b"sv, "BZh"sv,
                                 "\xfd"
                                 "7zXZ\0"sv}) {
    if (head.starts_with(magic)) return Form::kTar;
  }
  return Form::kUnknown;
}

Form FormByName(std::string_view name) {
  for (std::string_view suffix : {".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"}) {
    if (name.ends_with(suffix)) return Form::kTar;
  }
  for (std::string_view suffix : {".whl", ".zip"}) {
    if (name.ends_with(suffix)) return Form::kZip;
  }
  return Form::kUnknown;
}

}  // namespace

Status CheckPackage(std::string_view file_name, int64_t size_bytes, std::string_view head) {
  if (file_name.empty() || file_name.size() > kFileNameBytesMax || !IsValidUtf8(file_name)) {
    return InvalidArgument("A package has no usable file name.");
  }
  auto refuse = [&](std::string_view why) {
    return InvalidArgument(fmt::format("Package '{}' {}", file_name, why));
  };
  if (size_bytes == 0) return refuse("is empty.");
  if (size_bytes > kPackageBytesMax) {
    return refuse(
        fmt::format("has {} MiB; at most {} MiB are accepted. Put data into a bucket and "
                    "read it from the program.",
                    size_bytes >> 20, kPackageBytesMax >> 20));
  }
  Form by_magic = FormByMagic(head);
  if (by_magic == Form::kUnknown) {
    return refuse(
        "is not an archive: a source distribution (.tar.gz, made by 'python setup.py sdist') or a "
        "wheel (.whl) is needed.");
  }
  if (Form by_name = FormByName(file_name); by_name != by_magic) {
    return refuse(by_name == Form::kUnknown ? "needs a name that ends in .tar.gz, .zip or .whl."
                                            : "is not the kind of archive that its name says.");
  }
  return OkStatus();
}

Status CheckPackageFile(std::string_view file_name, const std::string& host_path) {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(host_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat status;
  if (fstat(fd.get(), &status) != 0) return ErrnoStatus(errno, "fstat '" + host_path + "'");
  char head[kHeadBytes];
  ssize_t count = pread(fd.get(), head, sizeof head, 0);
  if (count < 0) return ErrnoStatus(errno, "read '" + host_path + "'");
  return CheckPackage(file_name, status.st_size, {head, static_cast<size_t>(count)});
}

}  // namespace hodei::environments
