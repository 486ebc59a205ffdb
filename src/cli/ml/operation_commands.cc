// operations list|describe|wait|cancel.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "base/encoding.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/ml/operation_wait.h"

namespace hodei::cli {

Result<Json> WaitForOperation(Context& context, Json operation, const std::string& message) {
  constexpr std::chrono::hours kLongestWait(1);
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  bool told = false;
  Nanoseconds start = context.clock().Monotonic();
  std::chrono::milliseconds pause(200);
  while (MemberText(operation, "done") != "true") {
    if (!told) context.console().Err(message + "...");
    told = true;
    if (context.clock().Monotonic() - start > kLongestWait) {
      return DeadlineExceeded(
          fmt::format("Operation {} is still running after an hour; see `{} "
                      "operations describe`.",
                      MemberText(operation, "name"), context.FirstWords()));
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(5000));
    ASSIGN_OR_RETURN(operation, api->Get("/v1/" + MemberText(operation, "name")));
    if (context.console().err_is_terminal()) context.console().Err(".");
  }
  const Json* error = Member(operation, "error");
  if (told) context.console().Err(error == nullptr ? "done.\n" : "failed.\n");
  if (error != nullptr) return Status(Code::kUnknown, MemberText(*error, "message"));
  const Json* response = Member(operation, "response");
  return response == nullptr ? Json::object() : *response;
}

namespace {

Result<std::string> OperationsPath(Context& context) {
  ASSIGN_OR_RETURN(std::string project, context.settings().Project());
  return "/v1/projects/" + PercentEncode(project) + "/operations";
}

// The id, or the last part of a full name.
Result<std::string> OperationPath(Context& context) {
  const std::string& given = context.Positional(0);
  ASSIGN_OR_RETURN(std::string path, OperationsPath(context));
  return path + "/" + PercentEncode(given.substr(given.rfind('/') + 1));
}

Result<int> ListOperations(Context& context) {
  ASSIGN_OR_RETURN(std::string path, OperationsPath(context));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json operations,
                   api->List(path, "operations", {}, context.PageSize(), context.FetchLimit()));
  return context.PrintList(
      operations, "table(name.basename(),metadata.operationType:label=OPERATION_TYPE,done)");
}

Result<int> DescribeOperation(Context& context) {
  ASSIGN_OR_RETURN(std::string path, OperationPath(context));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json operation, api->Get(path));
  return context.Print(operation);
}

Result<int> WaitOperation(Context& context) {
  ASSIGN_OR_RETURN(std::string path, OperationPath(context));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json operation, api->Get(path));
  ASSIGN_OR_RETURN(Json response, WaitForOperation(context, operation,
                                                   fmt::format("Waiting for operation [{}]",
                                                               context.Positional(0))));
  return context.Print(response);
}

Result<int> CancelOperation(Context& context) {
  ASSIGN_OR_RETURN(std::string path, OperationPath(context));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json done, api->Call("POST", path + ":cancel"));
  context.console().Err(fmt::format("Cancelled operation [{}].\n", context.Positional(0)));
  return 0;
}

}  // namespace

Group OperationsGroup() {
  Positional operation{"OPERATION", "ID or full name of the operation."};
  Group group{.name = "operations", .summary = "Work with long-running operations"};
  group.commands = {
      {.name = "list",
       .summary = "List the operations of the project",
       .run = ListOperations,
       .lists = true},
      {.name = "describe",
       .summary = "Describe an operation",
       .positionals = {operation},
       .run = DescribeOperation},
      {.name = "wait",
       .summary = "Wait for an operation to end",
       .positionals = {operation},
       .run = WaitOperation},
      {.name = "cancel",
       .summary = "Cancel an operation",
       .positionals = {operation},
       .run = CancelOperation},
  };
  return group;
}

}  // namespace hodei::cli
