#include "domain/environments/testing/fake_environments.h"

#include <utility>

namespace hodei::environments {

void FakeEnvironments::FailResolve(std::string runtime_version, Status status) {
  std::lock_guard lock(mutex_);
  resolve_failures_[std::move(runtime_version)] = std::move(status);
}

void FakeEnvironments::WarnOn(std::string runtime_version, std::string warning) {
  std::lock_guard lock(mutex_);
  warnings_[std::move(runtime_version)].push_back(std::move(warning));
}

void FakeEnvironments::SetState(State state) {
  std::function<void()> changed;
  {
    std::lock_guard lock(mutex_);
    state_ = std::move(state);
    changed = changed_;
  }
  if (changed) changed();
}

void FakeEnvironments::SetState(const std::string& build_id, State state) {
  std::function<void()> changed;
  {
    std::lock_guard lock(mutex_);
    states_[build_id] = std::move(state);
    changed = changed_;
  }
  if (changed) changed();
}

void FakeEnvironments::SetError(Status status) {
  std::lock_guard lock(mutex_);
  error_ = std::move(status);
}

std::vector<Request> FakeEnvironments::requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

Result<RuntimeChoice> FakeEnvironments::Resolve(std::string_view runtime_version,
                                                std::string_view python_version) const {
  std::lock_guard lock(mutex_);
  std::string version(runtime_version);
  if (auto it = resolve_failures_.find(version); it != resolve_failures_.end()) return it->second;
  RuntimeChoice choice{.runtime_version = version.empty() ? "fake" : version,
                       .python_version = std::string(python_version),
                       .served_by = "fake",
                       .key = "fake-" + version,
                       .interpreter = "/usr/bin/python3"};
  if (auto it = warnings_.find(version); it != warnings_.end()) choice.warnings = it->second;
  return choice;
}

void FakeEnvironments::SetEnsureHook(std::function<void(const Request& request)> hook) {
  std::lock_guard lock(mutex_);
  ensure_hook_ = std::move(hook);
}

void FakeEnvironments::Release(const std::string& build_id) {
  std::lock_guard lock(mutex_);
  released_.push_back(build_id);
}

std::vector<std::string> FakeEnvironments::released() const {
  std::lock_guard lock(mutex_);
  return released_;
}

Result<State> FakeEnvironments::Ensure(const Request& request) {
  std::function<void(const Request&)> hook;
  {
    std::lock_guard lock(mutex_);
    hook = ensure_hook_;
  }
  if (hook) hook(request);
  std::lock_guard lock(mutex_);
  requests_.push_back(request);
  if (!error_.ok()) return error_;
  auto it = states_.find(request.build_id);
  return it == states_.end() ? state_ : it->second;
}

std::vector<std::string> FakeEnvironments::LaunchArgv(const RuntimeChoice& runtime,
                                                      std::string_view module,
                                                      const std::vector<std::string>& args,
                                                      std::string_view job_dir) const {
  std::vector<std::string> argv = {runtime.interpreter, "-m", std::string(module)};
  argv.insert(argv.end(), args.begin(), args.end());
  if (!job_dir.empty()) {
    argv.push_back("--job-dir");
    argv.emplace_back(job_dir);
  }
  return argv;
}

void FakeEnvironments::OnChange(std::function<void()> changed) {
  std::lock_guard lock(mutex_);
  changed_ = std::move(changed);
}

void FakeEnvironments::ReplicaChanged(const std::string&) {}

}  // namespace hodei::environments
