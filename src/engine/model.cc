#include "engine/model.h"

#include <fmt/format.h>

namespace hodei::engine {
namespace {

constexpr std::string_view kCategories[] = {
    "Failed to load model", "Invalid inputs", "Failed to run the provided model",
    "There was a problem processing the outputs", "There was a problem processing the user code"};

}  // namespace

Status ModelError(Fault fault, std::string message) {
  const Code code = fault == Fault::kInputs ? Code::kInvalidArgument : Code::kAborted;
  Status status(code, std::move(message));
  status.WithReason(std::to_string(static_cast<int>(fault)));
  return status;
}

std::string LibraryText(const Status& status) {
  const std::string reason =
      status.code() == Code::kInvalidArgument ? std::string("1") : status.reason();
  if (reason.size() != 1 || reason[0] < '0' || reason[0] > '4') return status.message();
  return fmt::format("{}: {} (Error code: {})", kCategories[reason[0] - '0'], status.message(),
                     reason);
}

std::string HostedText(const Status& status) {
  return fmt::format("Prediction failed: {}", status.message());
}

}  // namespace hodei::engine
