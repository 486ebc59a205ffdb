#include "domain/jobs/violations.h"

#include <fmt/format.h>

namespace hodei::jobs {
namespace {

Status Tell(Code code, const std::vector<FieldViolation>& violations) {
  std::string message;
  for (const FieldViolation& violation : violations) {
    message += fmt::format("{}Field: {} Error: {}", message.empty() ? "" : " ", violation.field,
                           violation.description);
  }
  Status status(code, message);
  for (const FieldViolation& violation : violations) status.WithViolation(violation);
  return status;
}

}  // namespace

void Violations::Add(std::string field, std::string description) {
  if (violations_.size() >= kViolationsMax) return;
  violations_.push_back({std::move(field), std::move(description)});
}

void Violations::AddUnsupported(std::string field, std::string description) {
  if (unsupported_.size() >= kViolationsMax) return;
  unsupported_.push_back({std::move(field), std::move(description)});
}

Status Violations::ToStatus() const {
  if (!violations_.empty()) return Tell(Code::kInvalidArgument, violations_);
  if (!unsupported_.empty()) return Tell(Code::kUnimplemented, unsupported_);
  return OkStatus();
}

}  // namespace hodei::jobs
