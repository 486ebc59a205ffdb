// Errors as values: a canonical RPC code and a message that grows one clause per layer
// ("create job 'x': stage package 'gs://b/p.tar.gz': object not found").
//
//   Result<Config> LoadConfig(const std::string& path) {
//     ASSIGN_OR_RETURN(std::string text, ReadFile(path));
//     Result<Config> config = ParseConfig(text);
//     if (!config.ok()) return Annotate(config.status(), fmt::format("parse '{}'", path));
//     return config;
//   }
//
// The lowest layer names the thing, upper layers name the intent. An error is returned or logged,
// never both; the edge logs it once.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace hodei {

// The canonical codes of google.rpc.Code: an error keeps its meaning from disk to HTTP.
enum class Code {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// "NOT_FOUND", as google.rpc.Code spells it.
std::string_view CodeName(Code code);
// The HTTP status the API answers for `code` (google.rpc.Code's documented mapping).
int HttpStatus(Code code);
// The code that best fits an HTTP status seen by a client; kUnknown where none does.
Code CodeFromHttpStatus(int http_status);

// One wrong field of a request: becomes a google.rpc.BadRequest.FieldViolation.
struct FieldViolation {
  std::string field;
  std::string description;
  bool operator==(const FieldViolation&) const = default;
};

class [[nodiscard]] Status {
 public:
  Status() = default;  // OK
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::vector<FieldViolation>& violations() const { return violations_; }
  // A short machine word that some protocols carry beside the code, for example the Cloud Storage
  // error reason "conditionNotMet" or the OAuth error "invalid_grant". Empty when there is none.
  const std::string& reason() const { return reason_; }

  Status& WithViolation(FieldViolation violation);
  Status& WithReason(std::string reason);
  // "NOT_FOUND: message", or "OK".
  std::string ToString() const;

  bool operator==(const Status&) const = default;

 private:
  Code code_ = Code::kOk;
  std::string message_;
  std::string reason_;
  std::vector<FieldViolation> violations_;
};

std::ostream& operator<<(std::ostream& out, const Status& status);

inline Status OkStatus() { return Status(); }
Status InvalidArgument(std::string message);
Status NotFound(std::string message);
Status AlreadyExists(std::string message);
Status PermissionDenied(std::string message);
Status Unauthenticated(std::string message);
Status FailedPrecondition(std::string message);
Status ResourceExhausted(std::string message);
Status Aborted(std::string message);
Status OutOfRange(std::string message);
Status Unimplemented(std::string message);
Status Internal(std::string message);
Status Unavailable(std::string message);
Status DeadlineExceeded(std::string message);
Status DataLoss(std::string message);
Status Cancelled(std::string message);
// INVALID_ARGUMENT in the wording of the ml service: "Field: job_id Error: <description>".
Status InvalidField(std::string field, std::string description);
// The errno of a failed system call as a Status: ENOENT → NOT_FOUND, EEXIST → ALREADY_EXISTS,
// EACCES/EPERM → PERMISSION_DENIED, ENOSPC/EDQUOT/EMFILE/ENOMEM → RESOURCE_EXHAUSTED, other →
// INTERNAL. `what` names call and object: "open '/x'".
Status ErrnoStatus(int error, std::string_view what);

// `status` with "context: " before its message; code, reason and violations stay. OK stays OK.
Status Annotate(const Status& status, std::string_view context);

template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(const Status& status) : rep_(std::in_place_index<0>, status) {}        // NOLINT
  Result(Status&& status) : rep_(std::in_place_index<0>, std::move(status)) {}  // NOLINT
  template <typename U = T>
    requires(std::is_convertible_v<U &&, T> && !std::is_same_v<std::remove_cvref_t<U>, Status> &&
             !std::is_same_v<std::remove_cvref_t<U>, Result<T>>)
  Result(U&& value) : rep_(std::in_place_index<1>, std::forward<U>(value)) {}  // NOLINT

  bool ok() const { return rep_.index() == 1; }
  // OK when there is a value.
  Status status() const { return ok() ? Status() : std::get<0>(rep_); }
  // The value; calling these without one is a bug and throws std::bad_variant_access.
  T& value() & { return std::get<1>(rep_); }
  const T& value() const& { return std::get<1>(rep_); }
  T&& value() && { return std::get<1>(std::move(rep_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  template <typename U>
  T value_or(U&& other) const& {
    return ok() ? value() : static_cast<T>(std::forward<U>(other));
  }

 private:
  std::variant<Status, T> rep_;
};

#define HODEI_CONCAT_INNER(a, b) a##b
#define HODEI_CONCAT(a, b) HODEI_CONCAT_INNER(a, b)

// Returns from the function when `expr` (a Status) is not OK.
#define RETURN_IF_ERROR(expr)                      \
  do {                                             \
    ::hodei::Status hodei_status_ = (expr);        \
    if (!hodei_status_.ok()) return hodei_status_; \
  } while (false)

// The same, with context put before the message.
#define RETURN_IF_ERROR_CTX(expr, context)                                       \
  do {                                                                           \
    ::hodei::Status hodei_status_ = (expr);                                      \
    if (!hodei_status_.ok()) return ::hodei::Annotate(hodei_status_, (context)); \
  } while (false)

// ASSIGN_OR_RETURN(auto x, F()): declares x from a Result or returns its status.
#define ASSIGN_OR_RETURN(decl, expr) \
  HODEI_ASSIGN_OR_RETURN_IMPL(HODEI_CONCAT(hodei_result_, __LINE__), decl, expr)
#define HODEI_ASSIGN_OR_RETURN_IMPL(tmp, decl, expr) \
  auto tmp = (expr);                                 \
  if (!tmp.ok()) return tmp.status();                \
  decl = std::move(tmp).value()

// The same, with context put before the message.
#define ASSIGN_OR_RETURN_CTX(decl, expr, context) \
  HODEI_ASSIGN_OR_RETURN_CTX_IMPL(HODEI_CONCAT(hodei_result_, __LINE__), decl, expr, context)
#define HODEI_ASSIGN_OR_RETURN_CTX_IMPL(tmp, decl, expr, context)       \
  auto tmp = (expr);                                                    \
  if (!tmp.ok()) return ::hodei::Annotate(tmp.status(), (context));     \
  decl = std::move(tmp).value()

}  // namespace hodei
