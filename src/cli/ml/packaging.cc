#include "cli/ml/packaging.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

#include "base/digest.h"
#include "base/encoding.h"
#include "cli/process.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

std::string AbsolutePath(const std::string& path) {
  char resolved[PATH_MAX];
  return realpath(path.c_str(), resolved) == nullptr ? path : resolved;
}

// A setup.py of ours in the user's folder, gone when this dies. Ctrl-C reaches the build, which
// ends, and not us, who must clean up.
class TemporarySetup {
 public:
  TemporarySetup() : before_(signal(SIGINT, SIG_IGN)) {}
  ~TemporarySetup() {
    if (!path_.empty()) unlink(path_.c_str());
    signal(SIGINT, before_);
  }
  TemporarySetup(const TemporarySetup&) = delete;
  TemporarySetup& operator=(const TemporarySetup&) = delete;
  Status Write(const std::string& path, const std::string& text) {
    ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    path_ = path;
    return WriteAll(fd.get(), text);
  }

 private:
  sighandler_t before_;
  std::string path_;
};

std::vector<std::vector<std::string>> Invocations(const PackagingRequest& request) {
  const std::string& out = request.output_folder;
  std::vector<std::vector<std::string>> all;
  for (const std::string& python : request.pythons) {
    // Build products outside the user's folder; older setuptools do not take all of these words.
    all.push_back({python, "setup.py", "egg_info", "--egg-base", out + "/egg", "build",
                   "--build-base", out + "/build", "--build-temp", out + "/temp", "sdist",
                   "--dist-dir", out + "/dist"});
    all.push_back({python, "setup.py", "sdist", "--dist-dir", out + "/dist"});
  }
  return all;
}

Result<std::vector<std::string>> Archives(const std::string& folder) {
  std::vector<std::string> archives;
  if (!FileExists(folder)) return archives;
  ASSIGN_OR_RETURN(std::vector<std::string> names, ListDirectory(folder));
  for (const std::string& name : names) archives.push_back(folder + "/" + name);
  return archives;
}

std::string Tail(const std::string& text) {
  constexpr size_t kShown = 4000;
  return text.size() > kShown ? "…" + text.substr(text.size() - kShown) : text;
}

Status ExplainFailure(const std::string& folder, const std::string& output, bool generated) {
  std::string advice;
  if (output.find("No module named 'setuptools'") != output.npos ||
      output.find("No module named setuptools") != output.npos) {
    advice =
        "Python has no setuptools, which packaging needs. Install it with your system's package "
        "manager (python3-setuptools) or `python3 -m pip install setuptools`, or choose another "
        "interpreter with `hodei config set ml_engine/local_python /path/to/python`.";
  } else if (generated) {
    advice = fmt::format("Write a setup.py at {}/setup.py that packages your code, then try again.",
                         folder);
  } else {
    advice = fmt::format(
        "Correct {}/setup.py, or build the package yourself and give it with --packages.", folder);
  }
  return FailedPrecondition(fmt::format(
      "Packaging of user Python code failed with message:\n\n{}\n\n{}", Tail(output), advice));
}

}  // namespace

std::string GeneratedSetup(const std::string& name) {
  return fmt::format(
      "\"\"\"Written by hodei for one build; it may be deleted.\"\"\"\n"
      "from setuptools import find_packages, setup\n\n"
      "setup(name={:?}, version='0.0.0', packages=find_packages(), include_package_data=True)\n",
      name);
}

Result<std::vector<std::string>> BuildPackages(const PackagingRequest& request) {
  std::string package = AbsolutePath(request.package_path);
  if (!FileExists(package + "/__init__.py")) {
    return InvalidArgument(
        fmt::format("[{}] is not a valid Python package because it does not contain an "
                    "`__init__.py` file. Please "
                    "create one and try again. Also, please ensure that --package-path refers to a "
                    "local directory.",
                    package));
  }
  size_t slash = package.rfind('/');
  std::string parent = package.substr(0, slash == 0 ? 1 : slash);
  std::string setup_path = parent + "/setup.py";
  TemporarySetup setup;
  bool generated = !FileExists(setup_path);
  if (generated) {
    RETURN_IF_ERROR_CTX(setup.Write(setup_path, GeneratedSetup(package.substr(slash + 1))),
                        "write a temporary setup.py beside the package");
  }
  for (const char* folder : {"/egg", "/build", "/temp", "/dist"}) {
    RETURN_IF_ERROR(MakeDirectories(request.output_folder + folder));
  }
  std::string first_output;
  for (std::vector<std::string>& argv : Invocations(request)) {
    ProcessRequest process;
    process.argv = std::move(argv);
    process.folder = parent;
    process.environment = request.environment;
    process.environment["PYTHONDONTWRITEBYTECODE"] = "1";
    Result<CapturedRun> run = RunCaptured(process);
    if (run.ok() && run->exit_code == 0) {
      ASSIGN_OR_RETURN(std::vector<std::string> archives,
                       Archives(request.output_folder + "/dist"));
      if (!archives.empty()) return archives;
    }
    if (first_output.empty()) first_output = run.ok() ? run->output : run.status().message();
  }
  return ExplainFailure(parent, first_output, generated);
}

Result<std::string> HashFiles(const std::vector<std::string>& paths) {
  DigestStream digest(DigestStream::Kind::kSha256);
  std::string buffer(1 << 20, '\0');
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDONLY | O_CLOEXEC));
    while (true) {
      ssize_t size = read(fd.get(), buffer.data(), buffer.size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return ErrnoStatus(errno, fmt::format("read '{}'", path));
      if (size == 0) break;
      digest.Update(std::string_view(buffer).substr(0, static_cast<size_t>(size)));
    }
  }
  return HexEncode(digest.Final());
}

}  // namespace hodei::cli
